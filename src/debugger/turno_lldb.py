"""lldb commands for programs on turno: what each task awaits, and where.

    (lldb) command script import src/debugger/turno_lldb.py

lldb loads no script by itself; in an editor that debugs with lldb the line belongs into what is said
before the program is loaded (in VS Code's CodeLLDB: `initCommands`). The commands are gdb's, and
say the same: `turno tasks`, `turno ready`, `turno bt`, `turno until`. Stepping that stays in a task
(`turno next`, `turno step`) is gdb's alone. All that is not lldb's own is in turno_gdb.py, beside.
"""

import os
import sys

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import turno_gdb as turno  # noqa: E402 (it lies beside this file)

FILES = {}


class LldbTarget(turno.Target):
    """What lldb has loaded."""

    def __init__(self, debugger):
        chosen = debugger.GetSelectedTarget()
        executable = chosen.GetExecutable()
        path = executable.fullpath if executable else None
        if not path:
            raise turno.Trouble('lldb has no program: start it as `lldb target/debug/app`')
        stamp = os.stat(path).st_mtime_ns
        if FILES.get(path, (0,))[0] != stamp:
            FILES[path] = stamp, turno.Dwarf(path), {}
        entry = chosen.FindModule(executable).GetObjectFileEntryPointAddress()
        super().__init__(FILES[path][1], entry.GetLoadAddress(chosen) - entry.GetFileAddress())
        self.locals, self.chosen, self.process = FILES[path][2], chosen, chosen.process
        if not self.process.IsValid() or self.process.state != lldb.eStateStopped:
            raise turno.Trouble('the program does not run: `run` it first, as far as to a breakpoint')
        bases = {unit.root.get(turno.COMP_DIR) for unit in self.dwarf.units}
        self.bases = sorted((base for base in bases if base), key=len, reverse=True)

    def read(self, address, size):
        error = lldb.SBError()
        data = self.process.ReadMemory(address, size, error) if size else b''
        if error.Fail() or data is None:
            raise turno.Trouble('there is no memory at %#x' % address)
        return bytes(data)

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
        return [(self.path(frame), self.place(frame)) for frame in thread.frames]

    def path(self, frame):
        """The function of a frame, as the debug information calls it: lldb's own name for an async
        fn is that of a closure."""
        if frame.IsInlined():  # Told in parts only: put together again as the linker has it.
            name = frame.GetFrameBlock().GetInlinedName() or '?'
            mangled = '_ZN%sE' % ''.join('%d%s' % (len(part), part) for part in name.split('::'))
        else:
            name, mangled = frame.GetFunctionName() or '?', frame.function.GetMangledName() or ''
        dies = (die for die in self.dwarf.entries(mangled.encode()) if die.tag == turno.SUBPROGRAM)
        die = next(dies, None)
        return die.path if die else turno.re.sub(r'::h[0-9a-f]{16}$', '', name)

    def place(self, frame):
        entry = frame.GetLineEntry()
        if not entry.IsValid():
            return None
        path = entry.GetFileSpec().fullpath
        base = next((base for base in self.bases if path.startswith(base.rstrip('/') + '/')), '')
        return '%s:%d' % (turno.shorten(path, base), entry.GetLine())


def answer(debugger, result, say, *args):
    """Runs a command, and says what goes wrong."""
    try:
        print(say(LldbTarget(debugger), *args), file=result)
    except turno.Trouble as trouble:
        result.SetError('turno: %s' % trouble)
    except (LookupError, ValueError, TypeError, AttributeError, turno.struct.error) as error:
        result.SetError('turno: ' + turno.baffled(error))


def tasks(debugger, command, context, result, _):
    """List the tasks: state, and why each waits (or why it last became ready)."""
    answer(debugger, result, turno.say_tasks)


def ready(debugger, command, context, result, _):
    """List who is ready, in the order of the policy, with cause and time of waiting."""
    answer(debugger, result, turno.say_ready)


def bt(debugger, command, context, result, _):
    """Show what a task awaits, with the line of each await: turno bt [ID | NAME | all]"""
    answer(debugger, result, turno.say_bt, command.strip().strip('"'))


def until(debugger, command, context, result, _):
    """Run to a switch, counted from 1: turno until N"""
    target, word = debugger.GetSelectedTarget(), command.strip()
    if not word.isdigit() or int(word) == 0:
        result.SetError('turno: which switch? as in `turno until 12`; they are counted from 1')
        return
    try:
        made = turno.Loop.of(LldbTarget(debugger)).switch
    except turno.Trouble:
        made = 0  # No loop is entered yet.
    if int(word) <= made:
        result.SetError('turno: switch %s is past, this is %d: `kill`, then run anew' % (word, made))
        return
    stop = target.BreakpointCreateByName('turno::switch_to')
    stop.SetCondition('n == ' + word)
    # Not through the API: so the program gets what `run` would give it.
    was = debugger.GetAsync()
    debugger.SetAsync(False)
    debugger.HandleCommand('continue' if target.process.IsValid() and target.process.is_alive else 'run')
    debugger.SetAsync(was)
    target.BreakpointDelete(stop.GetID())
    answer(debugger, result, said_switch, int(word))


def said_switch(target, wanted):
    loop = turno.Loop.of(target)
    if loop.switch != wanted or loop.running() is None:
        return '[stopped before switch %d]' % wanted
    return '[switch %d: %s, %s]' % (wanted, loop.running().title(), loop.running().cause())


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


def __lldb_init_module(debugger, _):
    run = debugger.HandleCommand
    run('command container add -o -h "The tasks of a turno runtime: who waits for what, and where." turno')
    for name in ('tasks', 'ready', 'bt', 'until'):
        run('command script add -o -f turno_lldb.%s turno %s' % (name, name))
    run('type summary add -e -F turno_lldb.summary -x "^turno::(%s)$"' % KINDS)
