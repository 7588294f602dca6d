"""lldb commands for programs on turno: what each task awaits and where, and stepping within a task.

    (lldb) command script import src/debugger/turno_lldb.py

lldb loads no script by itself; in an editor that debugs with lldb the line belongs into what is said
before the program is loaded (in VS Code `initCommands`; in the console of lldb-dap a command begins
with a backtick: `turno next). The commands are gdb's, and say the same; `help turno` lists them. All
that is not lldb's own is in turno_gdb.py, beside.
"""

import ctypes
import functools
import os
import re
import shlex
import signal
import sys
import threading
import time

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import turno_gdb as turno  # noqa: E402 (it lies beside this file)


class File:
    """What has been read of a program's file."""

    known = {}

    def __init__(self, path):
        self.dwarf, self.locals, self.functions = turno.Dwarf(path), {}, {}

    @classmethod
    def of(cls, target):
        executable = target.GetExecutable()
        path = executable.fullpath if executable else None
        if not path:
            raise turno.Trouble('lldb has no program: start it as `lldb target/debug/app`')
        stamp = os.stat(path).st_mtime_ns
        if cls.known.get(path, (0,))[0] != stamp:
            cls.known[path] = stamp, cls(path)
        return cls.known[path][1]

    @functools.cached_property
    def bases(self):
        """Where it was compiled."""
        bases = {unit.root.get(turno.COMP_DIR) for unit in self.dwarf.units}
        return sorted((base for base in bases if base), key=len, reverse=True)

    def function(self, mangled):
        """The entry of a function."""
        if mangled not in self.functions:
            dies = (die for die in self.dwarf.entries(mangled.encode()) if die.tag == turno.SUBPROGRAM)
            self.functions[mangled] = next(dies, None) if mangled else None
        return self.functions[mangled]


class LldbTarget(turno.Target):
    """What lldb has loaded."""

    def __init__(self, debugger):
        chosen = debugger.GetSelectedTarget()
        self.file = File.of(chosen)
        entry = chosen.FindModule(chosen.GetExecutable()).GetObjectFileEntryPointAddress()
        super().__init__(self.file.dwarf, entry.GetLoadAddress(chosen) - entry.GetFileAddress())
        self.locals, self.chosen, self.process = self.file.locals, chosen, chosen.process
        if not self.process.IsValid() or self.process.state != lldb.eStateStopped:
            raise turno.Trouble('the program does not run: `run` it first, as far as to a breakpoint')

    def read(self, address, size):
        data = self.process.ReadMemory(address, size, lldb.SBError()) if size else b''
        if len(data or b'') < size:
            ends = range((address // self.PAGE + 1) * self.PAGE, address + size, self.PAGE)
            places = [address, *ends, address + size]
            data = b''.join(map(self.read_page, places, places[1:]))
        return bytes(data)

    PAGE = 4096

    def read_page(self, begin, end):
        """A core file of the kernel's own leaves out what the program's file has: gdb looks
        there by itself, and so does a target of lldb, but not its process."""
        place, error = lldb.SBAddress(begin, self.chosen), lldb.SBError()
        data = self.process.ReadMemory(begin, end - begin, error)
        if error.Fail() or len(data or b'') < end - begin:
            data = self.chosen.ReadMemory(place, end - begin, error)
        if len(data or b'') < end - begin:
            raise turno.Trouble('there is no memory at %#x' % begin)
        return data

    def threads(self):
        first = self.process.selected_thread
        return [first] + [thread for thread in self.process.threads if thread.id != first.id]

    def register(self, thread, name):
        return thread.GetFrameAtIndex(0).FindRegister(name).unsigned

    def variable(self, kind):
        """The first variable of a type in any frame, or what the first pointer to one points to."""
        for thread in self.threads():
            for frame in thread.frames:
                for value in frame.GetVariables(True, True, False, False):
                    if value.type.IsPointerType() or value.type.IsReferenceType():
                        value = value.Dereference()
                    found = (value.type.name or '').split('<')[0] == kind
                    if found and value.GetLoadAddress() != lldb.LLDB_INVALID_ADDRESS:
                        return value
        return None

    def runtime(self):
        value = self.variable('turno::runtime::Runtime')
        return None if value is None else value.GetChildMemberWithName('shared').GetLoadAddress()

    def drive(self, field):
        value = self.variable('turno::runtime::turn::Drive')
        if value is None:
            return None
        address = value.GetChildMemberWithName(field).GetLoadAddress()
        words = self.word(address), self.word(address + 8)
        return words if words[0] else None

    def frames(self, thread):
        frames = (LldbFrame(self, frame) for frame in thread.frames)
        return [(frame.name, frame.place()) for frame in frames]


class LldbFrame(turno.Frame):
    def __init__(self, target, frame):
        self.target, self.frame, self.pc, self.inlined = target, frame, frame.pc, frame.IsInlined()
        entry = frame.GetLineEntry()
        there = entry.IsValid() and frame.module.file == target.chosen.executable
        self.file = entry.GetFileSpec().fullpath if there else None  # Not of libc.
        self.line = entry.GetLine()
        # lldb's own name for an async fn is that of a closure: the debug information knows better.
        if self.inlined:  # Told in parts only: put together again as the linker has it.
            name = frame.GetFrameBlock().GetInlinedName() or '?'
            mangled = '_ZN%sE' % ''.join('%d%s' % (len(part), part) for part in name.split('::'))
        else:
            name, mangled = frame.GetFunctionName() or '?', frame.function.GetMangledName() or ''
        self.die = target.file.function(mangled)
        self.name = self.die.path if self.die else re.sub(r'::h[0-9a-f]{16}$', '', name)

    def place(self):
        if not self.file:
            return None
        bases = self.target.file.bases
        base = next((base for base in bases if self.file.startswith(base.rstrip('/') + '/')), '')
        return '%s:%d' % (turno.shorten(self.file, base), self.line)

    def begin(self):
        return self.frame.function.GetStartAddress().GetLoadAddress(self.target.chosen)

    def makes(self):
        return self.die.type.path if self.die and self.die.type else ''

    def older(self):
        frame = self.frame.thread.GetFrameAtIndex(self.frame.idx + 1)
        return LldbFrame(self.target, frame) if frame.IsValid() else None

    def register(self, name):
        return self.frame.FindRegister(name).unsigned

    def variable(self, name):
        return self.frame.FindVariable(name).unsigned


class Watch:
    """Whether the function of a frame has ended: the stack is shorter then. Of an inlined function
    that is not known."""

    def __init__(self, move, frame):
        self.move, self.known, self.cfa = move, not frame.inlined, frame.frame.GetCFA()

    @property
    def ended(self):
        return self.known and self.move.thread().GetFrameAtIndex(0).GetCFA() > self.cfa

    def forget(self):
        pass


class LldbMove(turno.Move):
    """What it says is told when it is over."""

    SKIPS = re.compile('|'.join(turno.SKIPS))
    awaited = {}

    def __init__(self, debugger):
        self.debugger, self.said = debugger, []
        here = threading.current_thread() is threading.main_thread()
        self.is_terminal = here and debugger.GetCommandInterpreter().IsInteractive()
        self.is_editor = debugger.GetAsync() and not self.is_terminal
        # A terminal is to hear of no stop on the way. An editor wants to hear that the program ran:
        # it is told of the first one, and when it asks where that is, all is over.
        self.is_heard = self.is_editor

    def go(self, into):
        super().go(into)
        return self.told()

    def until(self, word):
        super().until(word)
        return self.told()

    def told(self):
        if self.is_alive():
            if not self.said and self.thread().GetStopReason() != lldb.eStopReasonPlanComplete:
                self.say('[%s]' % self.thread().GetStopDescription(256))
            self.say(show(self.debugger, self.frame()))
        return '\n'.join(self.said)

    def say(self, said):
        self.said.append(said)

    def target(self):
        return LldbTarget(self.debugger)

    def process(self):
        return self.debugger.GetSelectedTarget().process

    def is_alive(self):
        return self.process().IsValid() and self.process().is_alive

    def thread(self):
        return self.process().selected_thread

    def frame(self):
        return LldbFrame(self.target(), self.thread().GetFrameAtIndex(0))

    def watch(self, frame):
        return Watch(self, frame)

    def leap(self, into):
        thread, before = self.thread(), self.frame()
        if into:
            well = self.run(thread.StepInto, None, lldb.LLDB_INVALID_LINE_NUMBER)
        else:
            well = self.run(thread.StepOver, lldb.eOnlyDuringStepping)
        passed = self.is_skipped if into else self.is_inside
        while well and passed(self.frame(), before):
            well = self.leave(self.frame())
        return not well

    def is_skipped(self, frame, _):
        return not frame.file or self.SKIPS.match(frame.name)

    @staticmethod
    def is_inside(frame, before):
        """Whether it is of what was inlined: lldb steps into its middle, where a future goes on."""
        same = frame.frame.GetCFA() == before.frame.GetCFA()
        return same and frame.inlined and before.is_own() and not frame.is_own()

    def leave(self, frame):
        return self.run(frame.frame.thread.StepOutOfFrame, frame.frame)

    def run(self, how, *args):
        """Goes on somehow. True if it came as far as it should."""
        error = lldb.SBError()
        self.wait(lambda: how(*args, error))
        if error.Fail():
            raise not_possible(error.GetCString())
        return self.is_alive() and self.thread().GetStopReason() == lldb.eStopReasonPlanComplete

    def run_to(self, function, is_it=None):
        alive = self.is_alive()
        if self.is_heard and alive:
            self.run(self.thread().StepInstruction, False)
        target = self.debugger.GetSelectedTarget()
        dies = File.of(target).dwarf.find(function, turno.SUBPROGRAM)
        names = {die.get(turno.LINKAGE) for die in dies} - {None}
        stops = [target.BreakpointCreateByName(name) for name in names]
        for stop in stops:
            if is_it:
                self.awaited[stop.id] = is_it
                stop.SetScriptCallbackFunction('turno_lldb.is_awaited')
        try:
            # By its command: so the program gets the arguments and settings that `run` would give it.
            said = self.wait(lambda: command(self.debugger, 'continue' if alive else 'run'))
        finally:
            for stop in stops:
                self.awaited.pop(stop.id, None)
                target.BreakpointDelete(stop.id)
        if not said.Succeeded():
            raise not_possible(said.GetError())

    def wait(self, move):
        """Makes a move, and waits for its end."""
        heard, self.is_heard, was = self.is_heard, False, self.debugger.GetAsync()
        self.debugger.SetAsync(heard)
        try:
            done = (interruptible if self.is_terminal else self.limited)(self.process, move)
        finally:
            self.debugger.SetAsync(was)
        deadline = time.monotonic() + 5
        while heard and self.is_alive() and not self.thread().GetFrameAtIndex(0).IsValid():
            time.sleep(0.001)  # The editor's own thread takes note of the stop.
            if time.monotonic() > deadline:
                raise turno.Trouble('this takes long; where the program stops next is up to lldb')
        return done

    def limited(self, process, move):
        """An editor that waits for a command cannot stop the program: after a minute it is stopped."""
        def stop():
            self.say('[stopped after a minute]')
            process().SendAsyncInterrupt()
        timer = threading.Timer(60, stop)
        if self.is_editor:
            timer.start()
        try:
            return move()
        finally:
            timer.cancel()


def interruptible(process, move):
    """Ctrl-C in a terminal: while a command makes the program run, lldb itself does not hear it."""
    done, handler = [], ctypes.CDLL(None).signal  # lldb's own is not Python's: only C can put it back.
    handler.restype, handler.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
    thread = threading.Thread(target=lambda: done.append(move()))
    was = handler(signal.SIGINT, None)
    signal.signal(signal.SIGINT, lambda *_: process().SendAsyncInterrupt())
    try:
        thread.start()
        thread.join()
    finally:
        handler(signal.SIGINT, was)
    return done[0]


def not_possible(error):
    return turno.Trouble('lldb cannot go on here: %s' % error.replace('error: ', '').strip())


def is_awaited(frame, location, *_):
    """Whether it stops at a breakpoint of `LldbMove.run_to`."""
    return LldbMove.awaited[location.GetBreakpoint().id]()


def command(debugger, text, frame=None):
    """One of lldb's own commands: whether it succeeds, and what it says."""
    said, context = lldb.SBCommandReturnObject(), [lldb.SBExecutionContext(frame)] if frame else []
    debugger.GetCommandInterpreter().HandleCommand(text, *context, said)
    return said


def show(debugger, frame):
    """Where the program stands, as lldb shows it, but for the name of the function."""
    said = command(debugger, 'frame select 0', frame.frame).GetOutput().rstrip()
    return said.replace(frame.frame.GetFunctionName() or '?', turno.pretty(frame.name), 1)


def answer(result, words, usage, say):
    """Runs a command, and says what goes wrong."""
    try:
        print(say(turno.the_word(split(words), 'turno ' + usage, ' ' in usage)), file=result)
    except turno.Trouble as trouble:
        result.SetError('turno: %s' % trouble)
    except (LookupError, ValueError, TypeError, AttributeError, turno.struct.error) as error:
        result.SetError('turno: ' + turno.baffled(error))


def split(words):
    try:
        return shlex.split(words)
    except ValueError as error:
        raise turno.Trouble('a quote is left open: %s' % words) from error


def on_tasks(debugger, words, context, result, _):
    answer(result, words, 'tasks', lambda word: turno.say_tasks(LldbTarget(debugger)))


def on_ready(debugger, words, context, result, _):
    answer(result, words, 'ready', lambda word: turno.say_ready(LldbTarget(debugger)))


def on_bt(debugger, words, context, result, _):
    answer(result, words, 'bt [ID | NAME | all]', lambda word: turno.say_bt(LldbTarget(debugger), word))


def on_until(debugger, words, context, result, _):
    answer(result, words, 'until N', lambda word: LldbMove(debugger).until(word))


def on_next(debugger, words, context, result, _):
    answer(result, words, 'next', lambda word: LldbMove(debugger).go(into=False))


def on_step(debugger, words, context, result, _):
    answer(result, words, 'step', lambda word: LldbMove(debugger).go(into=True))


def summary(value, _):
    """One of turno's own things in a line."""
    try:
        target = LldbTarget(lldb.debugger or value.target.debugger)
        die = next(target.dwarf.find(value.type.name, turno.STRUCT), None)
        address = value.GetLoadAddress()
        if die is not None and address != lldb.LLDB_INVALID_ADDRESS:
            return turno.summary(turno.Value(target, die, address)) or ''
    except (turno.Trouble, OSError):
        pass
    return ''


KINDS = ('task::id::Id|task::info::TaskInfo|task::wake::TaskWaker|task::join::JoinHandle<.*>|'
         'sync::(mutex::Mutex|rwlock::RwLock|once_cell::OnceCell)<.*>|sync::semaphore::Semaphore|'
         'sync::notify::Notify')


class Hider:
    """`bt` shows no frames beyond the loop's own but the user's: from lldb 20 on. Others stay, as lldb
    steps out past what is hidden, and the loop is where a user wants to arrive."""

    MOST = 1000
    stop, loop = None, MOST

    def get_recognized_arguments(self, frame):
        return []

    def should_hide(self, frame):
        chosen = frame.thread.process.target
        if not chosen.FindFunctions('turno::switch_to').GetSize():
            return False
        try:
            target = LldbTarget(chosen.debugger)
            stop = target.process.GetUniqueID(), target.process.GetStopID(), frame.thread.id
            if self.stop != stop:
                self.stop, self.loop = stop, self.find(target, frame.thread)
            return frame.idx > self.loop and not LldbFrame(target, frame).is_own()
        except (turno.Trouble, OSError):
            return False

    def find(self, target, thread):
        """Where the loop's own frame is."""
        frame = LldbFrame(target, thread.GetFrameAtIndex(0))
        for n in range(self.MOST):
            if frame is None or turno.LOOP.match(frame.name):
                return n
            frame = frame.older()
        return self.MOST


LESSON = turno.LESSON.format_map({  # lldb shows it as the syntax.
    'summary': 'turno tasks | ready | bt [ID | NAME | all] | until N | next | step',
    'break': 'b turno::switch_to          every switch to a task passes through here; `c` to the next',
    'condition': "`breakpoint set -n turno::switch_to -c 'n == 12'`",
    'bt': 'bt                          shows your frames, from lldb 20 on; `bt -u` shows all',
    'step': '`turno bt` shows the frames of the running task in any lldb.',
})


def __lldb_init_module(debugger, _):
    def run(*words):
        debugger.HandleCommand(' '.join(words))

    def quoted(text):
        return '"%s"' % text.replace('`', '"\\`"')

    run('command container add -o -h', quoted(turno.SUMMARY), '-H', quoted(LESSON), 'turno')
    for name, text in turno.HELP.items():
        globals()['on_' + name].__doc__ = text
        short, function = quoted(text.split('\n')[0]), 'turno_lldb.on_' + name
        run('command script add -o -s current -h', short, '-f', function, 'turno', name)
    run('type summary add -e -F turno_lldb.summary -x "^turno::(%s)$"' % KINDS)
    if hasattr(lldb.SBFrame, 'IsHidden'):
        run('frame recognizer add -f false -l turno_lldb.Hider -x -n . -s .')
