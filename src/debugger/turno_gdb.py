"""gdb commands for programs on turno: what each task awaits and where, and stepping within a task.

rustc puts this file into every program that is built with turno and has debug information; gdb runs
it when the program is loaded, if it may:

    rust-gdb -iex 'add-auto-load-safe-path target' target/debug/app

Or say `source src/debugger/turno_gdb.py` in gdb. `help turno` lists the commands. lldb has the same
ones by `command script import src/debugger/turno_lldb.py`, which imports this file: all but the last
part is the same for both, and reads nothing but memory and the program's own debug information. So
it works on a core file too.

 1. Dwarf    the debug information, read where it is wanted
 2. Value    a typed piece of the program's memory
 3. Loop     a runtime of the program: its tasks, who is ready, what is waited for
 4. tree     what a future awaits, and where
 5. texts    what the commands say
 6. Move     going on within a task
 7. gdb      the commands themselves

What it relies on (names of types and fields) it asks for by name. Where something is not as it
expects, it says what and where; it never guesses.
"""

import bisect
import mmap
import os
import re
import struct
import zlib


class Trouble(Exception):
    """Something cannot be told, and why."""


# ---- 1. Dwarf: the debug information, read where it is wanted ---------------------------------
#
# No pass over all of it is made. What is looked for is found by searching for its bytes (a name's
# offset in the table of strings, a vtable's address); then the one unit in which it lies is walked.

FIXED = {0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0b: 1, 0x0c: 1, 0x0e: 4, 0x10: 4, 0x11: 1, 0x12: 2,
         0x13: 4, 0x14: 8, 0x17: 4, 0x19: 0, 0x1e: 16, 0x1f: 4, 0x20: 8, 0x21: 0, 0x25: 1, 0x26: 2,
         0x27: 3, 0x28: 4, 0x29: 1, 0x2a: 2, 0x2b: 3, 0x2c: 4}
NAME, SIZE, STMTS, LOW_PC, DISCR = 0x03, 0x0b, 0x10, 0x11, 0x15
DISCR_VALUE, COMP_DIR, CONST, CONTAINING, COUNT = 0x16, 0x1b, 0x1c, 0x1d, 0x37
LOCATION, OFFSET, DECL_FILE, DECL_LINE, ENCODING = 0x02, 0x38, 0x3a, 0x3b, 0x3e
TYPE, LINKAGE, STR_BASE, ADDR_BASE, UPPER = 0x49, 0x6e, 0x72, 0x73, 0x2f
FRAME_BASE = 0x40
ARRAY, ENUM, PARAM, MEMBER, POINTER, STRUCT = 0x01, 0x04, 0x05, 0x0d, 0x0f, 0x13
UNION, VARIANT, SUBRANGE, BASE, ENUMERATOR, SUBPROGRAM = 0x17, 0x19, 0x21, 0x24, 0x28, 0x2e
TEMPLATE, VARIANT_PART, VARIABLE, NAMESPACE = 0x2f, 0x33, 0x34, 0x39
X86_64, AARCH64 = 62, 183


def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def sleb(data, at):
    start = at
    value, at = uleb(data, at)
    return (value - (1 << 7 * (at - start)) if data[at - 1] & 64 else value), at


def text(data, at):
    return data[at:data.find(b'\0', at)].decode('utf-8', 'replace')


class Abbrev:
    """The shape of an entry. `steps` skips one: bytes to skip, or a form of no fixed size."""

    def __init__(self, tag, children, attrs):
        self.tag, self.children, self.attrs = tag, children, attrs
        self.steps = []
        for _, form, _ in attrs:
            size = FIXED.get(form)
            if size is None:
                self.steps.append(-form)
            elif self.steps and self.steps[-1] >= 0:
                self.steps[-1] += size
            else:
                self.steps.append(size)


class Dwarf:
    """The debug information of one file."""

    def __init__(self, path):
        self.path = path
        with open(path, 'rb') as file:
            self.elf = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.elf[:6] != b'\x7fELF\x02\x01':
            raise Trouble('%s is no 64-bit little-endian ELF file' % path)
        self.machine, = struct.unpack_from('<H', self.elf, 18)
        self.tables, self.sections, self.units = {}, self.read_sections(), []
        self.info, self.abbrev = self.section('.debug_info'), self.section('.debug_abbrev')
        self.str, self.line_str = self.section('.debug_str'), self.section('.debug_line_str')
        self.str_offsets, self.line = self.section('.debug_str_offsets'), self.section('.debug_line')
        if not self.info:
            raise Trouble('%s has no debug information: build it with `debug = 2` in its profile, and '
                          'do not strip it' % path)
        at = 0
        while at < len(self.info):
            self.units.append(Unit(self, at))
            at = self.units[-1].end
        self.starts = [unit.at for unit in self.units]

    def read_sections(self):
        table, = struct.unpack_from('<Q', self.elf, 40)
        count, names = struct.unpack_from('<HH', self.elf, 60)
        heads = [struct.unpack_from('<IIQQQQIIQ', self.elf, table + 64 * n) for n in range(count)]
        names = heads[names][4] if heads else 0
        return {text(self.elf, names + head[0]): head for head in heads}

    def section(self, name):
        head = self.sections.get(name)
        if head is None or head[1] == 8:  # Of no bytes in the file.
            return b''
        data = self.elf[head[4]:head[4] + head[5]]
        if not head[2] & 0x800:
            return data
        if struct.unpack_from('<I', data)[0] != 1:
            raise Trouble('%s is compressed in a way that this script does not know: link with '
                          '`-Wl,--compress-debug-sections=zlib` or none' % name)
        return zlib.decompress(data[24:])

    def tls_offset(self):
        """How far before the thread pointer the thread's own variables begin."""
        head, = struct.unpack_from('<Q', self.elf, 32)
        count, = struct.unpack_from('<H', self.elf, 56)
        for n in range(count):
            kind, *_, size, align = struct.unpack_from('<IIQQQQQQ', self.elf, head + 56 * n)
            if kind == 7:
                return (size + align - 1) // align * align, align
        return 0, 1

    def unit(self, at):
        return self.units[bisect.bisect_right(self.starts, at) - 1]

    def abbrevs(self, at):
        if at in self.tables:
            return self.tables[at]
        table, data, start = {}, self.abbrev, at
        while True:
            code, at = uleb(data, at)
            if not code:
                break
            tag, at = uleb(data, at)
            children, attrs = data[at], []
            at += 1
            while True:
                attr, at = uleb(data, at)
                form, at = uleb(data, at)
                const = None
                if form == 0x21:
                    const, at = sleb(data, at)
                if not attr and not form:
                    break
                attrs.append((attr, form, const))
            table[code] = Abbrev(tag, children, attrs)
        self.tables[start] = table
        return table

    def skip(self, form, at):
        info = self.info
        if form in FIXED:
            return at + FIXED[form]
        if form in (0x0d, 0x0f, 0x15, 0x1a, 0x1b, 0x22, 0x23):
            while info[at] > 127:
                at += 1
            return at + 1
        if form == 0x08:
            return info.index(b'\0', at) + 1
        if form in (0x18, 0x09):
            size, at = uleb(info, at)
            return at + size
        if form == 0x0a:
            return at + 1 + info[at]
        if form == 0x03:
            return at + 2 + struct.unpack_from('<H', info, at)[0]
        if form == 0x04:
            return at + 4 + struct.unpack_from('<I', info, at)[0]
        raise Trouble('the debug information of %s has an attribute of form %#x, which this script '
                      'does not know' % (self.path, form))

    def hits(self, needle, data=None):
        data = self.info if data is None else data
        at = data.find(needle)
        while at >= 0:
            yield at
            at = data.find(needle, at + 1)

    def strings(self, name):
        """The offsets of a string in the table of strings."""
        needle = b'\0' + name + b'\0'
        if self.str.startswith(needle[1:]):
            yield 0
        for at in self.hits(needle, self.str):
            yield at + 1

    def entries(self, name):
        """All entries that have a name or a linkage name."""
        for string in self.strings(name):
            packed = struct.pack('<I', string)
            for at in self.hits(packed):
                unit = self.unit(at)
                die = unit.die_over(at) if unit.version < 5 else None
                # Other four bytes may happen to be the same.
                if die is not None and name.decode() in (die.get(NAME), die.get(LINKAGE)):
                    yield die
            for unit in self.units if self.str_offsets else ():
                if unit.version >= 5 and unit.has_string(packed):
                    yield from unit.named(name.decode())

    def find(self, path, tag):
        """The entries of a path, as `a::b::C<D>`."""
        name = path[max(0, len(scope(path)) + 2 if scope(path) else 0):]
        for die in self.entries(name.encode()):
            if die.tag == tag and die.path == path:
                yield die

    def thread_local(self, *words):
        """The entry of one of turno's own thread-local variables, and its offset."""
        pattern = b'[^\\0]*'.join(word.encode() for word in ('5turno',) + words) + b'[^\\0]*'
        symbols = self.section('.strtab')
        for match in re.finditer(b'\\0(_[^\\0]*' + pattern + b')(?=\\0)', self.str):
            if symbols and symbols.find(match.group(1) + b'\0') < 0:
                continue  # Its other form, which the linker has left out.
            for die in self.entries(match.group(1)):
                place = die.get(LOCATION)
                if die.tag == VARIABLE and place and place[-1] in (0xe0, 0x9b):
                    sizes = {0x0e: '<Q', 0x0c: '<I'}
                    if place[0] in sizes:
                        return die.type, struct.unpack_from(sizes[place[0]], place, 1)[0]
        return None

    def vtable_types(self, address):
        """The types of which the vtable at an address is: more than one if it was merged."""
        found = {}
        for at in self.hits(b'\x03' + struct.pack('<Q', address)):
            self.add_vtable(self.unit(at).die_over(at), found)
        for at in self.hits(struct.pack('<Q', address), self.section('.debug_addr')):
            for unit in self.units:
                if unit.version >= 5 and unit.addr_base <= at:
                    index = b'\xa1' + uleb_bytes((at - unit.addr_base) // 8)
                    for hit in self.hits(index, self.info[unit.at:unit.end]):
                        die = unit.die_over(unit.at + hit)
                        if die.get(LOCATION) == index:
                            self.add_vtable(die, found)
        return found

    @staticmethod
    def add_vtable(die, found):
        if die.tag == VARIABLE and die.name.endswith('{vtable}'):
            concrete = die.type and die.type.ref(CONTAINING)
            if concrete:
                found[concrete.path] = concrete


def uleb_bytes(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


class Unit:
    """A compilation unit."""

    def __init__(self, dwarf, at):
        length, self.version = struct.unpack_from('<IH', dwarf.info, at)
        if length >= 0xfffffff0:
            raise Trouble('%s has 64-bit debug information, which this script does not read' % dwarf.path)
        self.dwarf, self.at, self.end = dwarf, at, at + 4 + length
        self.first = at + (12 if self.version >= 5 else 11)
        abbrevs = at + (8 if self.version >= 5 else 6)
        self.table = struct.unpack_from('<I', dwarf.info, abbrevs)[0]
        self.offsets = self._files = self._root = None
        self.str_base = self.addr_base = 8

    @property
    def abbrevs(self):
        return self.dwarf.abbrevs(self.table)

    @property
    def root(self):
        if self._root is None:
            root = Die(self, self.first)
            for attr, form, at in root.raw():
                if attr in (STR_BASE, ADDR_BASE):
                    base = struct.unpack_from('<I', self.dwarf.info, at)[0]
                    self.str_base, self.addr_base = ((base, self.addr_base) if attr == STR_BASE
                                                     else (self.str_base, base))
            self._root = root
        return self._root

    def walk(self):
        """Where the entries are, and whose children."""
        if self.offsets is not None:
            return
        info, table, skip = self.dwarf.info, self.abbrevs, self.dwarf.skip
        offsets, parents, stack, parent, at, end = [], [], [], -1, self.first, self.end
        while at < end:
            start, code = at, info[at]
            at += 1
            if code > 127:
                code, at = uleb(info, start)
            if not code:
                parent = stack.pop() if stack else -1
                continue
            abbrev = table[code]
            for step in abbrev.steps:
                at = at + step if step >= 0 else skip(-step, at)
            offsets.append(start)
            parents.append(parent)
            if abbrev.children:
                stack.append(parent)
                parent = len(offsets) - 1
        self.offsets, self.parents = offsets, parents

    def die_over(self, at):
        """The entry in which a byte lies."""
        self.walk()
        return Die(self, self.offsets[bisect.bisect_right(self.offsets, at) - 1])

    def parent(self, at):
        self.walk()
        parent = self.parents[bisect.bisect_left(self.offsets, at)]
        return Die(self, self.offsets[parent]) if parent >= 0 else None

    def has_string(self, packed):
        _ = self.root
        size = struct.unpack_from('<I', self.dwarf.str_offsets, self.str_base - 8)[0]
        return self.dwarf.str_offsets.find(packed, self.str_base, self.str_base + size) >= 0

    def named(self, name):
        self.walk()
        for at in self.offsets:
            die = Die(self, at)
            if die.get(NAME) == name or die.get(LINKAGE) == name:
                yield die

    def file(self, index):
        if self._files is None:
            self._files = read_files(self)
        return self._files.get(index)


class Die:
    """An entry: a type, a variable, a member, a function."""

    def __init__(self, unit, at):
        self.unit, self.at = unit, at
        info = unit.dwarf.info
        code, self.body = uleb(info, at)
        self.abbrev = unit.abbrevs[code]
        self.tag, self.read = self.abbrev.tag, None

    def __eq__(self, other):
        return isinstance(other, Die) and self.at == other.at

    def __hash__(self):
        return self.at

    def raw(self):
        at, skip = self.body, self.unit.dwarf.skip
        for attr, form, _ in self.abbrev.attrs:
            yield attr, form, at
            at = skip(form, at)
        self.after = at

    def attrs(self):
        if self.read is None:
            if self.unit._root is None and self.at != self.unit.first:
                _ = self.unit.root
            consts = {attr: const for attr, form, const in self.abbrev.attrs if form == 0x21}
            self.read = {attr: consts[attr] if attr in consts else self.value(form, at)
                         for attr, form, at in self.raw()}
        return self.read

    def get(self, attr):
        return self.attrs().get(attr)

    def value(self, form, at):
        dwarf, info = self.unit.dwarf, self.unit.dwarf.info
        size = FIXED.get(form)
        number = int.from_bytes(info[at:at + size], 'little') if size else None
        if form == 0x0e:
            return text(dwarf.str, number)
        if form == 0x1f:
            return text(dwarf.line_str, number)
        if form == 0x08:
            return text(info, at)
        if form in (0x0f, 0x15, 0x1a, 0x1b):
            number = uleb(info, at)[0]
        if form in (0x1a, 0x25, 0x26, 0x27, 0x28):
            place = self.unit.str_base + 4 * number
            return text(dwarf.str, struct.unpack_from('<I', dwarf.str_offsets, place)[0])
        if form in (0x11, 0x12, 0x13, 0x14, 0x15):
            return self.unit.at + number
        if form == 0x0d:
            return sleb(info, at)[0]
        if form in (0x18, 0x09):
            size, at = uleb(info, at)
            return info[at:at + size]
        if form == 0x0a:
            return info[at + 1:at + 1 + info[at]]
        if form == 0x19:
            return True
        return number

    def ref(self, attr):
        at = self.get(attr)
        return None if at is None else Die(self.unit.dwarf.unit(at), at)

    @property
    def name(self):
        return self.get(NAME) or ''

    @property
    def type(self):
        return self.ref(TYPE)

    @property
    def size(self):
        if self.get(SIZE) is None and self.tag == ARRAY:
            return self.type.size * self.count
        return self.get(SIZE) if self.get(SIZE) is not None else 8 if self.tag == POINTER else 0

    @property
    def count(self):
        for child in self.children():
            if child.tag == SUBRANGE:
                upper = child.get(UPPER)
                return child.get(COUNT) if upper is None else upper + 1
        return 0

    @property
    def parent(self):
        return self.unit.parent(self.at)

    @property
    def path(self):
        parent = self.parent
        above = parent.path if parent is not None and parent.tag in SCOPES else ''
        return above + '::' + self.name if above else self.name

    def children(self):
        """The entries just below."""
        if not self.abbrev.children:
            return
        for _ in self.raw():
            pass
        info, table, skip, at, depth = (self.unit.dwarf.info, self.unit.abbrevs,
                                        self.unit.dwarf.skip, self.after, 0)
        while True:
            start = at
            code, at = uleb(info, at)
            if not code:
                if not depth:
                    return
                depth -= 1
                continue
            abbrev = table[code]
            if not depth:
                yield Die(self.unit, start)
            for step in abbrev.steps:
                at = at + step if step >= 0 else skip(-step, at)
            depth += abbrev.children

    def param(self, name):
        """What a generic type was made of."""
        for child in self.children():
            if child.tag == TEMPLATE and child.name == name:
                return child.type
        raise Trouble('%s has no type parameter %s' % (self.path, name))

    def place(self):
        """`file:line` of where it is declared; None if that is not known."""
        file, line = self.get(DECL_FILE), self.get(DECL_LINE)
        file = file and line and self.unit.file(file)
        return '%s:%d' % (file, line) if file else None


SCOPES = (NAMESPACE, STRUCT, UNION, ENUM, SUBPROGRAM)


def read_files(unit):
    """The table of files of a unit: by number, as short as it can be said."""
    dwarf, line, files = unit.dwarf, unit.dwarf.line, {}
    at, base = unit.root.get(STMTS), unit.root.get(COMP_DIR) or ''
    if at is None or not line:
        return files
    version, = struct.unpack_from('<H', line, at + 4)
    at += 6 + (2 if version >= 5 else 0) + 4
    at += 6 if version >= 4 else 5
    at += line[at - 1] - 1
    folders = []
    if version >= 5:
        folders, at = read_names(dwarf, at)
        names, at = read_names(dwarf, at)
        folders = [path for path, _ in folders]
        names = dict(enumerate(names))
    else:
        names, folders = {}, [base]
        while line[at]:
            folders.append(text(line, at))
            at = line.index(b'\0', at) + 1
        at += 1
        while line[at]:
            name = text(line, at)
            folder, at = uleb(line, line.index(b'\0', at) + 1)
            _, at = uleb(line, at)
            _, at = uleb(line, at)
            names[len(names) + 1] = (name, folder)
    for number, (name, folder) in names.items():
        folder = folders[folder] if folder < len(folders) else ''
        files[number] = shorten(os.path.join(base, folder, name), base)
    return files


def read_names(dwarf, at):
    """A list of (path, folder) of version 5."""
    line, formats, names = dwarf.line, [], []
    count = line[at]
    at += 1
    for _ in range(count):
        kind, at = uleb(line, at)
        form, at = uleb(line, at)
        formats.append((kind, form))
    count, at = uleb(line, at)
    for _ in range(count):
        path, folder = '', 0
        for kind, form in formats:
            if form == 0x08:
                value, at = text(line, at), line.index(b'\0', at) + 1
            elif form in (0x0e, 0x1f):
                strings = dwarf.line_str if form == 0x1f else dwarf.str
                value, at = text(strings, struct.unpack_from('<I', line, at)[0]), at + 4
            elif form == 0x0f:
                value, at = uleb(line, at)
            elif form in FIXED:
                value = int.from_bytes(line[at:at + FIXED[form]], 'little')
                at += FIXED[form]
            else:
                raise Trouble('a table of files has the form %#x, which is not known here' % form)
            path, folder = (value if kind == 1 else path), (value if kind == 2 else folder)
        names.append((path, folder))
    return names, at


def shorten(path, base):
    """As a user would name it: from the package's root, or from the dependency's."""
    path = os.path.normpath(path)
    if base and path.startswith(base.rstrip('/') + '/'):
        return path[len(base.rstrip('/')) + 1:]
    for pattern in (r'.*/registry/src/[^/]*/', r'.*/git/checkouts/[^/]*/[^/]*/', r'/rustc/[^/]*/'):
        path = re.sub('^' + pattern, '', path)
    return path


def scope(path):
    """What a path is in: `a::b` for `a::b::C<d::E>`."""
    depth, at = 0, len(path)
    while at > 0:
        at -= 1
        if path[at] in '>})':
            depth += path[at - 1:at + 1] != '->'
        elif path[at] in '<{(':
            depth -= 1
        elif path[at] == ':' and not depth:
            return path[:at - 1]
    return ''


# ---- 2. Value: a typed piece of the program's memory ------------------------------------------

class Value:
    """Something of a type at an address. Fields are read when they are asked for."""

    def __init__(self, target, die, address):
        self.target, self.die, self.address = target, die, address

    @property
    def type(self):
        return self.die.path

    def number(self):
        """As an integer, whatever it is wrapped in."""
        value = self
        while value.die.tag == STRUCT:
            # An id is its serial number; where it lies in the table is no part of that.
            value = value['number'] if value.is_a('turno::task::id::Id') else value.only()
        data = self.target.read(value.address, value.die.size)
        return int.from_bytes(data, 'little', signed=value.die.get(ENCODING) in (0x05, 0x06, 0x0d))

    def only(self):
        """The one field that has a size."""
        fields = [(name, field) for name, field in self.fields() if field.die.size]
        if len(fields) != 1:
            raise self.odd('one field', [name for name, _ in fields])
        return fields[0][1]

    def odd(self, what, there):
        return Trouble('this script does not understand the layout of `%s`: it expects %s, there %s. '
                       'It was written for another version of turno or of Rust'
                       % (self.type, what, 'is ' + ', '.join(there) if there else 'is nothing'))

    def fields(self):
        """The fields, of an enum those of its active variant."""
        return [(member.name, self.at(member)) for member in self.members()]

    def at(self, member):
        return Value(self.target, member.type, self.address + (member.get(OFFSET) or 0))

    def members(self):
        found = []
        for child in self.die.children():
            if child.tag == MEMBER:
                found.append(child)
            elif child.tag == VARIANT_PART:
                member = self.active(child)
                if member is not None:
                    found.append(member)
        return found

    def active(self, part):
        """The member of the variant that is the case."""
        tag, other = part.ref(DISCR), None
        tag = tag and self.target.read(self.address + tag.get(OFFSET), tag.type.size)
        for variant in part.children():
            if variant.tag != VARIANT:
                continue
            value = variant.get(DISCR_VALUE)
            member = next((child for child in variant.children() if child.tag == MEMBER), None)
            if value is None:
                other = member
            elif tag is not None and (value - int.from_bytes(tag, 'little')) % (1 << 8 * len(tag)) == 0:
                return member
        return other

    def __getitem__(self, name):
        members = self.members()
        for member in members:
            if member.name == name:
                return self.at(member)
        raise self.odd('a field `%s`' % name, [member.name for member in members])

    def variant(self):
        """Name and content of the variant that is the case."""
        for child in self.die.children():
            if child.tag == VARIANT_PART:
                member = self.active(child)
                if member is not None:
                    return member.type.name, self.at(member), member
        raise self.odd('variants', [])

    def enumerator(self):
        """The name of a plain enum's value."""
        number = self.number()
        for child in self.die.children():
            if child.tag == ENUMERATOR and child.get(CONST) == number:
                return child.name
        raise self.odd('an enumerator %d' % number, [])

    def some(self):
        """What is in an Option, or None."""
        name, value, _ = self.variant()
        return value.fields()[0][1] if name == 'Some' else None

    def is_a(self, *prefixes):
        return self.type.startswith(prefixes)

    def deref(self):
        """What a pointer points to; for a fat one to a trait object, the object itself."""
        if self.die.tag == POINTER and self.die.type is not None:
            return Value(self.target, self.die.type, self.target.word(self.address))
        names = [member.name for member in self.members()]
        if names == ['pointer', 'vtable']:
            return self.target.concrete(self['pointer'].number(), self['vtable'].number())
        if len(names) == 1 or 'pointer' in names or 'ptr' in names:  # A smart pointer.
            inner = self['pointer'] if 'pointer' in names else self['ptr'] if 'ptr' in names else self.only()
            return inner.deref()
        raise self.odd('a pointer', names)

    def seek(self, prefix, depth=8):
        """The first value in here, by its place, whose type begins like that."""
        if self.is_a(prefix):
            return self
        if depth and self.die.tag in (STRUCT, UNION):
            for _, field in self.fields():
                found = field.seek(prefix, depth - 1)
                if found is not None:
                    return found
        return None

    def peel(self):
        """Without cells and what else has no meaning of its own."""
        value = self
        while True:
            if value.is_a('core::cell::RefCell<'):
                value = value['value']
            elif value.is_a('core::cell::Cell<', 'core::cell::UnsafeCell<', 'core::mem::',
                            'core::sync::atomic::'):
                fields = [field for name, field in value.fields() if name != 'uninit']
                value = next(field for field in fields if field.die.size or len(fields) == 1)
            else:
                return value

    def pointer(self, depth=8):
        """The first thin pointer in here."""
        if self.die.tag == POINTER:
            return self
        if depth and self.die.tag == STRUCT:
            for _, field in self.fields():
                found = field.pointer(depth - 1)
                if found is not None:
                    return found
        return None

    def elements(self, most=1 << 20):
        """The elements of a Vec, a VecDeque, a slice in a box, or an array."""
        if self.die.tag == ARRAY:
            kind, start, count, first, room = self.die.type, self.address, self.die.count, 0, None
        elif self.is_a('alloc::vec::Vec<', 'alloc::collections::vec_deque::VecDeque<'):
            kind, count = self.die.param('T'), self['len'].number()
            start, first, room = self['buf'].pointer(), 0, None
            start = start and self.target.word(start.address)
            if self.is_a('alloc::collections::'):
                first, room = self['head'].number(), self['buf']['inner']['cap'].number()
        else:
            start, count = self['data_ptr'], self['length'].number()
            kind, start, first, room = start.die.type, start.number(), 0, None
        if count > most:
            raise Trouble('%d elements in `%s`: it is in the middle of a change, or was not '
                          'understood' % (count, self.type))
        for n in range(count):
            n = (first + n) % room if room else n
            yield Value(self.target, kind, start + n * kind.size)

    def string(self):
        value = self
        while [name for name, _ in value.fields()] != ['data_ptr', 'length']:
            value = value.fields()[0][1]
        data = self.target.read(value['data_ptr'].number(), min(value['length'].number(), 4096))
        return data.decode('utf-8', 'replace')


class Target:
    """A program under a debugger. Each debugger says how its memory and its threads are read."""

    def __init__(self, dwarf, slide):
        self.dwarf, self.slide = dwarf, slide

    def word(self, address):
        return int.from_bytes(self.read(address, 8), 'little')

    def concrete(self, address, vtable):
        """A trait object as what it is."""
        types = self.dwarf.vtable_types(vtable - self.slide)
        if not types:
            raise Trouble('the type behind the vtable at %#x is not known: it is of a file without '
                          'full debug information (`debug = 2`)' % vtable)
        if len(types) > 1:
            raise Trouble('the linker has merged what is alike: it is one of %s'
                          % ', '.join(pretty(name) for name in sorted(types)))
        return Value(self, next(iter(types.values())), address)

    def thread_local(self, thread, *words):
        """One of turno's thread-local variables, of a thread."""
        if words not in self.locals:
            self.locals[words] = self.dwarf.thread_local(*words)
        if self.locals[words] is None:
            raise Trouble('`%s` is not in the debug information of %s: it was built without turno, with '
                          '`debug = 1`, or with split debug information (`split-debuginfo = "off"` '
                          'would put it in)' % (words[-1].lstrip('0123456789'), self.dwarf.path))
        die, offset = self.locals[words]
        return Value(self, die, self.tls(thread, offset))

    def tls(self, thread, offset):
        """Where a thread has one of its own variables."""
        size, align = self.dwarf.tls_offset()
        if self.dwarf.machine == X86_64:
            return self.register(thread, 'fs_base') - size + offset
        if self.dwarf.machine == AARCH64:
            return self.register(thread, 'tpidr') + max(16, align) + offset
        raise Trouble('where a thread has its own variables is not known for this processor')

    locals = {}


# ---- 3. Loop: a runtime of the program ---------------------------------------------------------

def span(nanos):
    """As Rust prints a Duration."""
    for unit, size in (('s', 10**9), ('ms', 10**6), ('µs', 10**3)):
        if nanos >= size:
            return ('%d.%09d' % (nanos // size, nanos % size * (10**9 // size))).rstrip('0').rstrip('.') + unit
    return '%dns' % nanos


def location(value):
    """`file:line` of a `&Location`."""
    place = value.deref()
    file = next(field for name, field in place.fields() if name in ('file', 'filename')).string()
    return '%s:%d' % (shorten(file, ''), place['line'].number())


class Task:
    """A task of the table."""

    def __init__(self, slot):
        info = self.info = slot['info']
        self.slot, self.key = slot, info['id'].number()
        self.id, self.state = self.key, info['state'].enumerator().lower()
        rare = info['rare'].some()
        name = rare and rare.deref()['name'].some()
        self.name = name.string() if name else None
        self.site, self.switches = location(info['site']), info['switches'].number()
        self.woken_at = info['woken_at'].number()

    def title(self):
        return 'task %d%s' % (self.id, ' "%s"' % self.name if self.name else '')

    def cause(self):
        name, value, _ = self.info['cause'].variant()
        if name == 'Spawn':
            by = value['by'].some()
            return 'spawned by task %d' % by.number() if by else 'spawned'
        if name == 'Task':
            return 'woken by task %d' % value['__0'].number()
        if name == 'Source':
            return 'woken by source %d' % value['__0'].number()
        return {'Yield': 'yielded', 'Budget': 'spent its budget', 'Timer': 'woken by a timer',
                'Outside': 'woken from outside the loop'}.get(name, name)


class Wait:
    """A wait entry: what is waited for."""

    REASONS = {'JoinAbroad': 'the end of a task of another runtime',
               'JoinSet': 'the end of a task of its set', 'Job': 'a job on another thread',
               'Mutex': 'a mutex', 'Read': 'an rwlock, to read', 'Write': 'an rwlock, to write',
               'Semaphore': 'permits of a semaphore', 'Notify': 'a notification',
               'Barrier': 'the others at a barrier', 'OnceCell': 'the value of a once cell',
               'Oneshot': 'the value of a oneshot channel', 'Receive': 'a message of an mpsc channel',
               'Send': 'room in an mpsc channel', 'Broadcast': 'a message of a broadcast channel',
               'Watch': 'a change of a watched value',
               'Closed': 'the other side of a channel to go away'}

    def __init__(self, entry, records):
        task = entry['whom']['task'].some()
        self.task, self.serial = task and task.number(), entry['serial'].number()
        self.handed, self.loop = entry['handed'].number(), entry['whom']['of'].number()
        self.entry, self.records = entry, records

    def reason(self):
        name, value, _ = self.entry['reason'].variant()
        if name == 'Join':
            return 'the end of task %d' % value['__0'].number()
        if name == 'Timer':
            return 'a timer due at %s' % span(value['__0'].number())
        if name in ('Readable', 'Writable'):
            return 'source %d to become %s' % (value['__0'].number(), name.lower())
        return self.REASONS.get(name, name)

    def text(self, with_site=True):
        said, record = self.reason(), self.records.get(self.entry['record'].number())
        if record:
            said += ' (made at %s)' % location(record['made'])
        if with_site:
            said += ' at ' + location(self.entry['site'])
        holder = record and record['holder'].some()
        if holder:
            said += ', locked by task %d (at %s)' % (holder['task'].number(),
                                                     location(holder['site']))
        return said


def slab(value):
    """The values of a slab, by their keys."""
    found = {}
    for key, entry in enumerate(value['entries'].elements()):
        name, content, _ = entry.variant()
        if name == 'Occupied':
            found[key] = content.fields()[0][1]
    return found


class Loop:
    """A runtime."""

    def __init__(self, target, thread, shared):
        self.target, self.thread, self.shared = target, thread, shared
        core = shared['core']
        self.changing = core['borrow'].number() < 0
        self.core = core.peel()
        self.now, self.switch = shared['now'].number(), self.core['switches'].number()
        slots = slab(self.core['tasks']['slots'])
        self.tasks = sorted((Task(slot) for slot in slots.values()), key=lambda task: task.id)
        self._waits = self._records = None

    @classmethod
    def of(cls, target):
        """The runtime that the program is in: of the chosen thread, or else of any other."""
        for thread in target.threads():
            entered = target.thread_local(thread, '7context', '7ENTERED')
            stack = entered.seek('alloc::vec::Vec<turno::runtime::context::Entry')
            if stack is None:
                raise entered.odd('a stack of runtimes', [name for name, _ in entered.fields()])
            inside = list(stack.elements())
            if inside:
                return cls(target, thread, inside[-1]['shared'].deref()['value'])
            address = target.runtime()
            if address:  # Between two calls of `block_on` a runtime is a variable as any other.
                entry = stack.die.param('T').children()
                rc = next(child for child in entry if child.tag == MEMBER and child.name == 'shared').type
                return cls(target, thread, Value(target, rc, address).deref()['value'])
        raise Trouble('no turno runtime is entered here: run to a task first, as with '
                      '`break turno::switch_to`')

    def policy(self):
        return self.core['policy'].deref()

    def running(self):
        """The task that runs now, if one does."""
        return next((task for task in self.tasks if task.state == 'running'), None)

    def waits(self):
        """The wait entries of the thread, by their index."""
        if self._waits is None:
            entries = enumerate(self.table()['entries'].elements())
            used = ((n, entry) for n, entry in entries if entry['serial'].number())
            self._waits = {n: Wait(entry, self.records()) for n, entry in used}
        return self._waits

    def records(self):
        """What is known of each queue that somebody has waited in."""
        if self._records is None:
            self._records = slab(self.table()['records'])
        return self._records

    def table(self):
        local = self.target.thread_local(self.thread, '4wait', '5WAITS')
        table = local.seek('turno::wait::Waits')
        if table is None:
            raise local.odd('a table of waits', [name for name, _ in local.fields()])
        return table

    def waits_of(self, task):
        return [wait for wait in self.waits().values() if wait.task == task.key and not wait.handed]

    def find(self, word):
        """A task by its id or its name."""
        found = [task for task in self.tasks if word in (str(task.id), task.name)]
        if not found:
            known = ', '.join(str(task.id) for task in self.tasks[:40]) or 'there are no tasks'
            raise Trouble('there is no task %s (`turno tasks` lists them): %s' % (word, known))
        return found

    def future(self, task):
        """The future of a task, or None where there is none any more."""
        run = task.slot['run'].some()
        if run is not None:
            value = run.deref()
        elif task.state == 'done':
            return None
        else:
            value = self.elsewhere(task)
        if value.is_a('turno::task::inherit::Heir'):
            value = value['task'].some().deref()
        stage, content, _ = value['stage'].variant()
        return content['future'] if stage == 'Running' else None

    def elsewhere(self, task):
        """What makes a task run that is not in the table: the running one is taken out of it, and
        the root, the future of `block_on`, is never there."""
        for field in ('task', 'root') if task.state == 'running' else ('root',):
            words = self.target.drive(field)
            if words:
                return self.target.concrete(*words)
        raise Trouble('its future lies on the stack, and is not found there')

    def ready(self):
        """Who is ready, in the policy's order, and whether that is the order indeed."""
        tasks = {task.key: task for task in self.tasks if task.state == 'ready'}
        try:
            order = [tasks[key] for key in ORDERS[self.policy().type](self.policy()) if key in tasks]
            if len(order) == len(tasks):
                return order, True
        except (KeyError, Trouble):
            pass
        return sorted(tasks.values(), key=lambda task: (task.woken_at, task.id)), False


def ids(value):
    return [element.number() for element in value.elements()]


def lanes(value):
    """Lanes are lists through an array: each with its ids in order."""
    links = [(link['id'].some(), link) for link in value['links'].elements()]
    found = {}
    for place, (key, link) in enumerate(links):
        if key is None or link['before'].number() != 0xffffffff:
            continue
        lane = found.setdefault(link['lane'].number(), [])
        while place != 0xffffffff and len(lane) <= len(links):
            lane.append(links[place][0].number())
            place = links[place][1]['after'].number()
    return found


def by_key(keyed):
    """Of the entries that count: by key, then by arrival."""
    current = [entry.some() for entry in keyed['current'].elements()]
    return [key for _, _, key in sorted(tuple(field.number() for _, field in entry.fields())
                                        for entry in current if entry is not None)]


def by_priority(policy):
    name, order, _ = policy['order'].variant()
    if name == 'Strict':
        found = lanes(order['__0'])
        return [key for lane in sorted(found) for key in found[lane]]
    return by_key(order['keyed'])


def in_rounds(policy):
    found, lap, order = lanes(policy['lanes']), ids(policy['lap']), []
    last = policy['turn'].some()
    last = -1 if last is None else last.number()
    while any(found.values()):
        lap = [lane for lane in lap if found.get(lane)]
        lap = lap or sorted((lane for lane in found if found[lane]), key=lambda n: (n <= last, n))
        last = lap.pop(0)
        order.append(found[last].pop(0))
    return order


# How a policy's order is read. Of one that is not here the time of waking is told instead.
ORDERS = {
    'turno::policy::fifo::Fifo': lambda policy: ids(policy['queue']),
    'turno::policy::lifo::Lifo': lambda policy: ids(policy['stack'])[::-1],
    'turno::policy::priority::Priority': by_priority,
    'turno::policy::round_robin::RoundRobin': in_rounds,
}
for name in ('edf::Edf', 'las::Las', 'sjf::Sjf', 'srpt::Srpt'):
    ORDERS['turno::policy::' + name] = lambda policy: by_key(policy['keyed'])
for name in ('fair::Fair', 'stride::Stride'):
    ORDERS['turno::policy::' + name] = lambda policy: by_key(policy['shares']['keyed'])


# ---- 4. tree: what a future awaits, and where --------------------------------------------------

COROUTINE = re.compile(r'\{(async|gen|coroutine)[a-z_]*_env#\d+\}(<|$)')


def pretty(path):
    """A path as a user would say it."""
    depth, out = 0, ''
    for n, c in enumerate(path):  # Without what generic types were made of.
        depth += c == '<'
        out += '' if depth else c
        depth -= c == '>' and path[n - 1] != '-'
    out = re.sub(r'::\{impl#\d+\}', '', out)
    out = re.sub(r'::\{async_fn(_env)?#\d+\}', '', out)
    out = re.sub(r'\{(async_block|closure|async_closure)(_env)?#0\}',
                 lambda m: '{%s}' % m.group(1).replace('_', ' '), out)
    return re.sub(r'\{(async_block|closure|async_closure)(_env)?#(\d+)\}',
                  lambda m: '{%s %s}' % (m.group(1).replace('_', ' '), m.group(3)), out)


def follow(value):
    """Through pins, boxes and exclusive references to what they hold."""
    for _ in range(32):
        if value.is_a('core::pin::Pin<'):
            value = value.only()
        elif value.is_a('alloc::boxed::Box<', '&mut '):
            if value.die.tag == STRUCT and 'data_ptr' in [m.name for m in value.members()]:
                return value
            value = value.deref()
        elif value.is_a('core::mem::', 'core::cell::UnsafeCell<', 'core::panic::unwind_safe::'):
            value = value.peel() if not value.is_a('core::panic::') else value.only()
        else:
            return value
    return value


def is_future(value):
    """Whether somebody polls such a thing: then its pinned reference is a type of the program."""
    name = value.type
    if value.die.tag not in (STRUCT, UNION) or name.startswith(('core::option::', 'alloc::vec::')):
        return False
    return value.target.dwarf.str.find(b'\0Pin<&mut %s>\0' % name.encode()) >= 0


def held(value, depth=6, seen=None):
    """The futures that a future has in its fields: (name, future)."""
    seen = set() if seen is None else seen
    value = follow(value)
    if depth == 0 or (value.address, value.die) in seen:
        return
    seen.add((value.address, value.die))
    if value.is_a('futures_util::stream::futures_unordered::FuturesUnordered<'):
        yield from unordered(value)
        return
    if value.is_a('alloc::vec::Vec<', 'alloc::collections::vec_deque::') or value.die.tag == ARRAY or (
            value.die.tag == STRUCT and 'data_ptr' in [m.name for m in value.members()]):
        fields = [('%d' % n, element) for n, element in enumerate(value.elements(4096))]
        if not fields or fields[0][1].die.tag not in (STRUCT, UNION):
            return
    elif value.die.tag == STRUCT and not value.is_a('alloc::', 'std::', 'core::fmt'):
        fields = value.fields()
    else:
        return
    for name, field in fields:
        inner = follow(field)
        if inner.die.tag not in (STRUCT, ARRAY):
            continue
        if (COROUTINE.match(inner.die.name) or is_future(inner)) and not is_wrapper(inner):
            yield name, inner
        else:
            for below, future in held(inner, depth - 1, seen):
                yield (below if NUMBER.match(below) or not NUMBER.match(name) else name), future


NUMBER = re.compile(r'_?\d+$')


def is_wrapper(value):
    """A future that is of no interest itself: what it holds is."""
    return value.is_a('turno::macros::support::Child<', 'futures_util::future::maybe_done::',
                      'core::future::into_future::')


def unordered(value):
    """The futures of a FuturesUnordered: a list through all of them, the newest first."""
    task, found = value['head_all'].peel(), []
    while task.number() and len(found) < 4096:
        node = task.peel().deref() if task.die.tag == POINTER else task.pointer().deref()
        future = node['future'].peel().some()
        if future is not None:
            found.append(follow(future))
        task = node['next_all'].peel()
    return [(str(n), future) for n, future in enumerate(reversed(found))]


def call_site(awaitee):
    """The line of the `join!` or `select!` that an await stems from: the closure that polls for
    them has taken `_0`, `_1` and so on, which count as declared where the macro is called."""
    if not awaitee.is_a('core::future::poll_fn::PollFn<'):
        return None
    closure = awaitee.fields()[0][1].die
    match = re.match(r'\{closure_env#(\d+)\}', closure.name)
    if not match:
        return None
    path = '%s::{closure#%s}' % (scope(closure.path), match.group(1))
    for function in closure.unit.dwarf.find(path, SUBPROGRAM):
        places = {child.place() for child in function.children()
                  if child.tag == VARIABLE and re.match(r'_\d+$', child.name)}
        if len(places) == 1 and places != {None}:
            return places.pop()
    return None


def await_place(value, member, state):
    """Where a suspended coroutine awaits."""
    place = member.place()
    if place is None:
        return 'line unknown'
    first = next((m for m in variants(value.die) if m.name == '0'), None)
    own = first and first.place()
    own = own and own.rsplit(':', 1)[0]
    if not own or place.rsplit(':', 1)[0] == own:
        return place
    awaitee = next((field for name, field in state.fields() if name == '__awaitee'), None)
    called = awaitee and call_site(awaitee)
    return called or 'line unknown (inside of a macro, %s)' % place


def variants(die):
    for part in die.children():
        if part.tag == VARIANT_PART:
            for variant in part.children():
                if variant.tag == VARIANT:
                    yield from (m for m in variant.children() if m.tag == MEMBER)


def tree(loop, value, depth=0, label=''):
    """What a future awaits: lines of text."""
    indent, value = '   ' * depth + label, follow(value)
    if depth > 64:
        return [indent + '... and so on']
    if not COROUTINE.match(value.die.name):
        below = list(held(value))
        if len(below) == 1 and is_wrapper(value):
            return tree(loop, below[0][1], depth, label)
        lines = [indent + pretty(value.type) + leaf(loop, value, bool(below))]
        for name, future in below:
            lines += tree(loop, future, depth + 1, '[%s] ' % name.lstrip('_') if len(below) > 1 else '')
        return lines
    state, content, member = value.variant()
    number = int(member.name) if member.name.isdigit() else -1
    name = indent + pretty(value.type)
    if number < 3:
        known = {0: 'not started', 1: 'done', 2: 'panicked'}
        return ['%s  %s' % (name, known.get(number, 'in a state that is not understood: ' + state))]
    lines = ['%s  at %s' % (name, await_place(value, member, content))]
    awaitee = next((field for name, field in content.fields() if name == '__awaitee'), None)
    if awaitee is None:
        return lines
    awaitee = follow(awaitee)
    if awaitee.is_a('core::future::poll_fn::PollFn<'):
        below = list(held(awaitee))
        for name, future in below:
            lines += guarded(loop, future, depth + 1, '[%s] ' % name.lstrip('_'))
        return lines if below else lines + ['   ' * (depth + 1) + pretty(awaitee.type)]
    return lines + guarded(loop, awaitee, depth + 1)


def guarded(loop, value, depth=0, label=''):
    try:
        return tree(loop, value, depth, label)
    except (Trouble, RecursionError) as trouble:
        return ['   ' * depth + label + '(%s)' % trouble]


def leaf(loop, value, has_children):
    """What a future that is no coroutine waits for, if turno knows."""
    if value.is_a('turno::task::join::JoinHandle<'):
        of, content, _ = value['of'].variant()
        if of in ('Task', 'Never', 'Taken'):
            return '  of task %d' % content['id'].number()
    if has_children:
        return ''
    place = value.seek('turno::wait::Place')
    entry = place and loop.waits().get(place['index'].number())
    if entry and entry.serial == place['serial'].number():
        return '  ' + ('has been handed what it waited for' if entry.handed else entry.text(False))
    return '  its wait is over' if place else ''


# ---- 5. texts: what the commands say -----------------------------------------------------------

NOISE = re.compile(r'^(core|std|alloc|__rust|turno|futures_task)(::|_|$)|^<')
LOOP = re.compile(r'^turno::runtime::(turn::|core::Shared::turn)')
FLOOR = re.compile(r'^turno::(switch_to|task::run|task::inherit|runtime)')


# What `help turno` teaches. What is in braces each debugger says in its own way.
SUMMARY = 'The tasks of a turno runtime: who waits for what and where; stepping within a task.'
LESSON = """{summary}

A class might go like this:
    {break}
    turno until 12              run to the 12th switch (also {condition})
    turno tasks                 who there is, and why each of them waits
    turno ready                 who could run now, in the order that the policy has in mind
    turno bt all                what each task awaits: the chain, or the tree, with lines
    turno step                  from switch_to into the task, and through an await into its future
    turno next                  as `next`, but stays in this task if an await suspends it
    {bt}

{step}"""

HELP = {
    'tasks': """List the tasks: state, and why each waits (or why it last became ready).""",
    'ready': """List who is ready, in the order of the policy, with cause and time of waiting.

For a policy that this script does not know, the order is that of waking, and it says so.""",
    'bt': """Show what a task awaits, with the line of each await: turno bt [ID | NAME | all]

Of the running task (also without a word) it shows the frames that are on the stack now. Where a
task awaits several futures at once, as in `join!` and `select!`, each is a branch. `line unknown`
means what it says.""",
    'until': """Run to a switch, counted from 1: turno until N

It stops at `turno::switch_to`, with the task about to run; `turno step` leads into it.""",
    'next': """As `next`, but stays in this task: an await that suspends it is passed as any other line.

The other tasks run meanwhile; it stops when this one comes back to the same function.""",
    'step': """As `step`, but to the next line of your own code.

From switch_to it leads into the task, and through an await into what is awaited. If that suspends
the task, it stays in it as `turno next` does.""",
}


def the_word(words, usage, most=1):
    """The one word of a command, or none."""
    if len(words) > most:
        raise Trouble('too many words: it is `%s`' % usage)
    return words[0] if words else ''


def baffled(error):
    """What is said where this script itself goes wrong."""
    return ('this script met what it does not expect (%s: %s): it was written for another version of '
            'turno or of Rust, or the program is in the middle of something'
            % (type(error).__name__, error))


def say_tasks(target):
    loop = Loop.of(target)
    lines = ['now %s, after %d switches, under %s; tasks:' % (
        span(loop.now), loop.switch, pretty(loop.policy().type).rsplit('::', 1)[-1])]
    if loop.changing:
        lines.append('(stopped while the loop changes this: it may be halfway)')
    rows = [(task, '*' if task.state == 'running' else ' ') for task in loop.tasks]
    width = max([len(task.name or '-') for task in loop.tasks] + [4])
    for task, mark in rows:
        why = task.cause()
        if task.state == 'waiting':
            waits = [wait.text() for wait in loop.waits_of(task)]
            why = '; '.join(waits) or 'something that turno does not know of: see `turno bt %d`' % task.id
        elif task.state == 'done':
            why = 'until its result is fetched'
        lines.append('%s %4d  %-*s  %-7s  %s' % (mark, task.id, width, task.name or '-', task.state, why))
    return '\n'.join(lines)


def say_ready(target):
    loop = Loop.of(target)
    tasks, exact = loop.ready()
    policy = pretty(loop.policy().type)
    lines = ['%d ready, %s:' % (len(tasks), 'as %s has them' % policy.rsplit('::', 1)[-1] if exact else
             'by the time of waking (the order of %s is not known here)' % policy)]
    for task in tasks:
        lines.append('  %4d  %s  %s, for %s' % (task.id, task.name or '-', task.cause(),
                                                span(max(0, loop.now - task.woken_at))))
    return '\n'.join(lines)


def say_bt(target, word=''):
    loop = Loop.of(target)
    if word == 'all':
        tasks = loop.tasks
    elif word:
        tasks = loop.find(word)
    else:
        tasks = [loop.running()] if loop.running() else []
        if not tasks:
            raise Trouble('no task runs now: say which, as in `turno bt 2` or `turno bt all`')
    return '\n'.join(say_task(loop, task) for task in tasks)


def say_task(loop, task):
    lines = ['%s, %s, spawned at %s' % (task.title(), task.state, task.site)]
    try:
        frames = stack(loop.target, loop.thread) if task.state == 'running' else []
        if frames:
            lines += ['   ' * (n + 1) + line for n, line in enumerate(frames)]
        else:
            future = loop.future(task)
            lines += ['   (its result waits to be fetched)'] if future is None else guarded(loop, future, 1)
    except Trouble as trouble:
        lines.append('   (%s)' % trouble)
    return '\n'.join(lines)


def stack(target, thread):
    """The running task's own frames, outermost first."""
    found = []
    for name, place in target.frames(thread):
        if FLOOR.match(name):
            break
        if not NOISE.match(name):
            found.append('%s  at %s' % (pretty(name), place or 'line unknown'))
    return found[::-1]


def summary(value):
    """One of turno's own things in a line; None for others."""
    kind = value.type.split('<')[0]
    if value.is_a('core::pin::Pin<') and 'dyn turno::task::run::' in value.type:
        stage, content, _ = value.deref()['stage'].variant()
        return pretty(follow(content['future']).type) if stage == 'Running' else 'a result'
    if kind == 'turno::task::id::Id':
        return 'Id(%d)' % value.number()
    if kind == 'turno::task::info::TaskInfo':
        task = Task({'info': value})
        return '%s, %s, %s, spawned at %s' % (task.title(), task.state, task.cause(), task.site)
    if kind == 'turno::task::wake::TaskWaker':
        return 'waker of task %d' % value['serial'].number()
    if kind == 'turno::task::join::JoinHandle':
        return 'JoinHandle' + leaf(None, value, True).replace('  ', ' ')
    if kind in ('turno::sync::mutex::Mutex', 'turno::sync::once_cell::OnceCell'):
        lock = value['lock']
        if not lock['locked'].number():
            return 'unlocked' if kind.endswith('Mutex') else 'not being filled'
        return held_by(lock) + waiting(value.target, lock['queue'])
    if kind == 'turno::sync::rwlock::RwLock':
        shares = value['shares']
        out, writing = shares['out'].number(), shares['writing'].number()
        said = 'held by a writer' if writing else 'held by %d readers' % out if out else 'unlocked'
        return said + waiting(value.target, shares['queue'])
    if kind == 'turno::sync::semaphore::Semaphore':
        permits = value['permits']
        return '%d permits free' % permits['free'].number() + waiting(value.target, permits['queue'])
    if kind == 'turno::sync::notify::Notify':
        kept = 'a notification is kept' if value['kept'].number() else 'no notification is kept'
        return kept + waiting(value.target, value['queue'])
    return None


def held_by(lock):
    """Who holds a lock: the queue's record knows better once somebody has waited."""
    holder, record = lock['holder'].peel().some(), lock['queue']['record'].number()
    loop = Loop.of(lock.target)
    entry = loop.records().get(record)
    if entry is not None:
        holder = entry['holder'].some()
    if holder is None:
        return 'locked'
    return 'locked by task %d (at %s)' % (holder['task'].number(), location(holder['site']))


def waiting(target, queue):
    """Who waits in a queue."""
    at, found = queue['head'].number(), []
    waits = Loop.of(target).waits() if at != 0xffffffff else {}
    while at in waits and len(found) < len(waits):
        task = waits[at].task
        found.append('task %d' % task if task else 'a stranger')
        at = waits[at].entry['next'].number()
    return ', waited for by ' + ', '.join(found) if found else ''


# ---- 6. Move: going on within a task -----------------------------------------------------------

# What a step passes over on its way into a task or through an await. Not everything of `core` and
# `alloc`: what polls, as a pin or a box does, leads to the user's own code.
SKIPS = (
    '^std::', '^__mem',
    '^core::(alloc|any|array|cell|clone|cmp|convert|default|fmt|intrinsics|iter|marker|mem|num)::',
    '^core::(option|panic|pin|ptr|result|slice|str|sync|task|time|ub_checks)::',
    '^core::ops::(deref|drop|range|arith|try_trait)::', '^core::future::(into_future|get_context)',
    '^alloc::(alloc|borrow|collections|fmt|rc|raw_vec|slice|string|sync|vec)::', '^alloc::boxed::Box<',
    '^turno::task::(current|wake)::', '^turno::task::run::(lend|keep)$',
    '^turno::(task::run|macros).*::project<', '^futures_task::')


class Frame:
    """A frame of the stack. Each debugger says its `name`, `file`, `line`, `pc` and `inlined`, the
    `target`, where its function has its `begin` and what that `makes`, the `older` frame, and what
    is in a `register` or a `variable`."""

    def is_own(self):
        """Whether it is of the user's own code, by its name and its file."""
        if NOISE.match(self.name) or not self.file:
            return False
        made = self.makes()
        if '{async_fn_env#' in made and 'Poll<' not in made:
            return False  # It only makes the future.
        return not re.search(r'/registry/src/|^/rustc/', self.file)

    def plain(self):
        """The name of its function, without what a generic one was made of."""
        return self.name if self.name.endswith('}') else re.sub(r'<.*', '', self.name)

    def here(self):
        return self.name, self.line

    def region(self):
        """Where the program stands: in a `task`, at its `door`, or elsewhere (None)."""
        frame, inside = self, False
        while frame is not None:
            if re.match(r'turno::(switch_to|task::run::|task::inherit::)', frame.name):
                return 'task' if inside else 'door'
            if LOOP.match(frame.name):
                # Where all is inlined the door has no frame, but the task has one.
                return 'task' if inside else None
            inside = inside or frame.is_own()
            frame = frame.older()
        return None

    def bases(self):
        """Where the future may lie whose poll function this is: no other has the same. Empty if the
        compiler keeps that to itself, as it does where it optimizes."""
        found = []
        if self.inlined or self.target.dwarf.machine != X86_64:
            return found
        for die in self.target.dwarf.find(self.plain(), SUBPROGRAM):
            if die.get(FRAME_BASE) != b'\x57':  # The stack pointer.
                continue
            for child in die.children():
                place = child.get(LOCATION)
                if isinstance(place, bytes) and place[:1] == b'\x91':  # A slot in the frame,
                    offset, at = sleb(place, 1)
                    # with the future's address: the argument, or where a variable of it begins.
                    if is_pinned(child) or child.tag == VARIABLE and place[at:at + 1] == b'\x06':
                        found.append(self.target.word(self.register('rsp') + offset))
        begin = self.begin() if found else None
        if begin is not None and 0 <= self.pc - begin < 64:
            # The slots are being written: the argument is in its register yet.
            found += [self.register(name) for name in ('rdi', 'rsi')]
        return found


def is_pinned(die):
    return die.tag == PARAM and die.type is not None and die.type.path.startswith('core::pin::Pin<&mut ')


class Poll:
    """The poll of a coroutine: a frame's, if that is one."""

    def __init__(self, frame):
        self.future = self.base = None
        match = re.search(r'\{(async\w*)#(\d+)\}$', frame.plain())
        found = match and frame.bases()
        if found:
            self.base = max(found, key=found.count)
            kind = '%s{%s_env#%s}' % ((frame.plain()[:match.start()],) + match.groups())
            die = next(frame.target.dwarf.find(kind, STRUCT), None)
            self.future = die and Value(frame.target, die, self.base)

    def is_suspended(self):
        """Whether it has more to do; None if that is not known."""
        if self.future is None:
            return None
        number = self.future.variant()[2].name
        return number.isdigit() and int(number) >= 3


def say_switch(made, task):
    return '[switch %d: %s, %s]' % (made, task.title(), task.cause())


class Move:
    """Goes on within a task. Each debugger says how it does a part of it: `target` and `frame` are
    what is now; `leap` is one `step` or `next` (true if something else stopped it); `watch` notes in
    `ended` when the function of a frame ends; `leave` runs to that end; `run_to` runs to the
    beginning of a function, at which something is the case."""

    MOST = 2000

    def go(self, into):
        if not self.is_alive():
            raise Trouble('the program does not run: `turno until 1` starts it, up to its first task')
        place = self.frame().region()
        if place == 'task':
            self.move(into)
        elif place == 'door':
            self.step(True, {self.frame().here()})
        else:
            self.next_switch()
        if not self.is_alive():
            self.say('[the program has ended]')

    def until(self, word):
        """Runs to a switch; true if it gets there."""
        if not word.isdigit() or int(word) == 0:
            raise Trouble('which switch? as in `turno until 12`; they are counted from 1')
        wanted, made = int(word), self.switches()
        if wanted <= made:
            raise Trouble('switch %d is past, this is %d: `kill`, then `turno until %d` runs there '
                          'anew' % (wanted, made, wanted))
        self.run_to('turno::switch_to', lambda: self.frame().variable('n') == wanted)
        if not self.is_alive():
            raise Trouble('the program ended before switch %d' % wanted)
        now = self.switch()
        if now and now[0] == wanted:
            self.say(say_switch(*now))
            return True
        return False  # A breakpoint came first.

    def switch(self):
        """The switch that is being made, and its task; None between two."""
        loop = Loop.of(self.target())
        return (loop.switch, loop.running()) if loop.running() else None

    def switches(self):
        try:
            return Loop.of(self.target()).switch if self.is_alive() else 0
        except Trouble:
            return 0  # No loop is entered yet.

    def next_switch(self):
        self.run_to('turno::switch_to')
        now = self.is_alive() and self.frame().region() == 'door' and self.switch()
        if now:
            self.say(say_switch(*now))

    def move(self, into):
        lines = {self.frame().here()}
        while True:
            before, frame = self.switch(), self.frame()
            if not before:
                raise Trouble('no task runs now')
            poll, finish = Poll(frame), self.watch(frame)
            function = frame.plain()
            try:
                stopped = self.step(into, lines, finish)
            finally:
                finish.forget()
            if stopped or not self.is_alive():
                return
            if not (finish.ended and poll.is_suspended()):
                break
            if not self.resume(function, before[1], poll.base):
                return
            into = False
            lines.add(self.frame().here())
        if finish.ended:
            self.climb(before)
        if self.is_alive() and not self.is_still(before):
            self.come_back(before[1])

    def step(self, into, lines, finish=None):
        """On to another line; with `into`, to one of the user's own. True if something else stops it."""
        for _ in range(self.MOST):
            stopped = self.leap(into)
            if not self.is_alive() or finish and finish.ended:
                return False
            if stopped:
                return True
            frame = self.frame()
            # A line with an await comes up several times.
            if frame.here() not in lines and (not into or frame.is_own()):
                return False
            if frame.region() is None:
                return False  # The switch is over.
        return True

    def climb(self, before):
        """Out of what lies between a function that has ended and the user's own next frame."""
        for _ in range(64):
            frame = self.frame()
            if not self.is_still(before) or frame.is_own() or FLOOR.match(frame.name):
                return
            if not self.leave(frame) or not self.is_alive():
                return

    def is_still(self, before):
        """Whether the same switch goes on, in the task's own code."""
        now = self.switch()
        return bool(now) and now[0] == before[0] and self.frame().region() == 'task'

    def resume(self, function, task, base):
        """Goes on until the task comes back to the same future. False if it does not."""
        is_back = lambda: self.is_back(task.key, base)
        self.run_to(function, is_back)
        if not self.is_alive() or not is_back():
            return False  # Something else has stopped it.
        self.say('[%s was suspended here, and is back]' % task.title())
        return True

    def is_back(self, key, base=None):
        """Whether a task runs that has come to a place; if it is a poll function, that of the same
        future."""
        now = self.switch()
        return bool(now) and now[1].key == key and (base is None or base in self.frame().bases())

    def come_back(self, task):
        """Goes on until the task has its next switch, if it has one."""
        found = [now for now in Loop.of(self.target()).tasks if now.key == task.key]
        if not found or found[0].state == 'done' or self.is_done(task):
            self.say('[%s has ended]' % task.title())
            return
        is_back = lambda: self.is_back(task.key)
        self.run_to('turno::switch_to', is_back)
        if self.is_alive() and is_back():
            self.say('[%s was suspended, and is back]' % task.title())
            self.step(True, {self.frame().here()})

    def is_done(self, task):
        """Whether a task that has just been polled is done, though the loop has yet to hear it."""
        try:
            loop = Loop.of(self.target())
            future = loop.future(next(now for now in loop.tasks if now.key == task.key))
        except Trouble:
            return False
        future = future and follow(future)
        if future is None or not COROUTINE.match(future.die.name):
            return future is None
        return future.variant()[2].name in ('1', '2')


# ---- 7. gdb: the commands ----------------------------------------------------------------------

try:
    import gdb
except ImportError:  # lldb, which imports this file.
    gdb = None

if gdb:
    from gdb.FrameDecorator import FrameDecorator
    import gdb.printing

    FILES = {}

    class GdbTarget(Target):
        """What gdb has loaded."""

        def __init__(self):
            path = gdb.current_progspace().filename
            if not path:
                raise Trouble('gdb has no program: start it as `rust-gdb target/debug/app`, with a core '
                              'file as `rust-gdb target/debug/app core`')
            stamp = os.stat(path).st_mtime_ns
            if FILES.get(path, (0,))[0] != stamp:
                FILES[path] = stamp, Dwarf(path), {}
            entry = re.search(r'Entry point: (0x[0-9a-f]+)', gdb.execute('info files', to_string=True))
            dwarf = FILES[path][1]
            static, = struct.unpack_from('<Q', dwarf.elf, 24)
            super().__init__(dwarf, int(entry.group(1), 16) - static if entry else 0)
            self.locals = FILES[path][2]
            self.inferior = gdb.selected_inferior()
            if not self.inferior.threads():
                raise Trouble('the program does not run: `run` it first, as far as to a breakpoint')

        def read(self, address, size):
            try:
                return bytes(self.inferior.read_memory(address, size)) if size else b''
            except (gdb.error, OverflowError):
                raise Trouble('there is no memory at %#x' % address) from None

        def threads(self):
            chosen = gdb.selected_thread()
            others = [thread for thread in self.inferior.threads() if thread != chosen]
            return ([chosen] if chosen else []) + sorted(others, key=lambda thread: thread.num)

        def register(self, thread, name):
            with On(thread):
                return int(gdb.newest_frame().read_register(name))

        def variables(self, thread, kind):
            """The variables of a thread's frames that have a type, innermost first."""
            with On(thread):
                frame = gdb.newest_frame()
                while frame is not None:
                    try:
                        block = frame.block()
                    except RuntimeError:
                        block = None
                    while block is not None:
                        for symbol in block:
                            if (symbol.is_variable or symbol.is_argument) and kind in str(symbol.type):
                                yield symbol.value(frame)
                        block = None if block.function else block.superblock
                    frame = frame.older()

        def variable(self, kind):
            """The address of the first variable of a type, or what the first pointer to one says."""
            for thread in self.threads():
                for value in self.variables(thread, kind):
                    try:
                        if value.type.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
                            value = value.dereference()
                        if value.type.name.split('<')[0] == kind and value.address is not None:
                            value.fetch_lazy()
                            return value
                    except gdb.error:
                        continue
            return None

        def runtime(self):
            value = self.variable('turno::runtime::Runtime')
            return None if value is None else int(value['shared'].address)

        def drive(self, field):
            value = self.variable('turno::runtime::turn::Drive')
            address = None if value is None else int(value[field].address)
            words = address and (self.word(address), self.word(address + 8))
            return words if words and words[0] else None

        def frames(self, thread):
            found = []
            with On(thread):
                frame = gdb.newest_frame()
                while frame is not None:
                    found.append((frame.name() or '?', place_of(frame)))
                    frame = frame.older()
            return found

    class On:
        """On another thread for a while."""

        def __init__(self, thread):
            self.thread, self.before = thread, gdb.selected_thread()

        def __enter__(self):
            self.frame = gdb.selected_frame()
            if self.thread != self.before:
                self.thread.switch()

        def __exit__(self, *_):
            if self.thread != self.before and self.before:
                self.before.switch()
                if self.frame.is_valid():
                    self.frame.select()

    def place_of(frame):
        sal = frame.find_sal()
        return '%s:%d' % (shorten(sal.symtab.filename, ''), sal.line) if sal.symtab else None

    class Command(gdb.Command):
        def __init__(self, name, kind=gdb.COMMAND_STATUS, prefix=False):
            super().__init__(name, kind, prefix=prefix)

        def invoke(self, arg, tty):
            words = gdb.string_to_argv(arg)
            try:
                self.run(words)
            except (Trouble, gdb.error) as trouble:
                raise gdb.GdbError('turno: %s' % trouble)
            except (LookupError, ValueError, TypeError, AttributeError, struct.error) as error:
                raise gdb.GdbError('turno: ' + baffled(error))

    class Turno(Command):
        __doc__ = LESSON.format_map({
            'summary': SUMMARY,
            'break': 'break turno::switch_to      every switch to a task passes through here; `continue` '
                     'to the next',
            'condition': '`break turno::switch_to if n == 12`',
            'bt': 'bt                          shows your frames; `bt -no-filters` shows all',
            'step': '`step` passes over most of core, alloc and std (`info skip` lists what).',
        })

        def __init__(self):
            super().__init__('turno', gdb.COMMAND_USER, prefix=True)

        def run(self, words):
            gdb.execute('help turno')

    class Tasks(Command):
        __doc__ = HELP['tasks']

        def __init__(self):
            super().__init__('turno tasks')

        def run(self, words):
            the_word(words, 'turno tasks', 0)
            gdb.write(say_tasks(GdbTarget()) + '\n')

    class Ready(Command):
        __doc__ = HELP['ready']

        def __init__(self):
            super().__init__('turno ready')

        def run(self, words):
            the_word(words, 'turno ready', 0)
            gdb.write(say_ready(GdbTarget()) + '\n')

    class Bt(Command):
        __doc__ = HELP['bt']

        def __init__(self):
            super().__init__('turno bt', gdb.COMMAND_STACK)

        def run(self, words):
            gdb.write(say_bt(GdbTarget(), the_word(words, 'turno bt [ID | NAME | all]')) + '\n')

    def is_alive():
        return bool(gdb.selected_inferior().threads())

    class Until(Command):
        __doc__ = HELP['until']

        def __init__(self):
            super().__init__('turno until', gdb.COMMAND_RUNNING)

        def run(self, words):
            if GdbMove().until(the_word(words, 'turno until N')):
                gdb.execute('frame')

    class Finish(gdb.FinishBreakpoint):
        """Notes that the function of a frame ends."""

        def __init__(self, frame):
            super().__init__(frame, internal=True)
            self.silent, self.ended = True, False

        def stop(self):
            self.ended = True
            return True

        def out_of_scope(self):
            self.ended = True

        def forget(self):
            if self.is_valid():
                self.delete()

    class Unwatched:
        """Of an inlined function it is not known when it ends."""

        ended, forget = False, staticmethod(lambda: None)

    class Resume(gdb.Breakpoint):
        """Stops at the beginning of a function if something is the case."""

        def __init__(self, function, is_it):
            super().__init__(function, internal=True)
            self.silent, self.is_it = True, is_it

        def stop(self):
            return self.is_it is None or self.is_it()

    class GdbFrame(Frame):
        def __init__(self, frame):
            sal = frame.find_sal()
            self.frame, self.name, self.line, self.pc = frame, frame.name() or '', sal.line, frame.pc()
            there = sal.symtab and sal.symtab.objfile.filename == gdb.current_progspace().filename
            self.file = sal.symtab.fullname() if there else None  # Not of libc.
            self.inlined = frame.type() == gdb.INLINE_FRAME

        @property
        def target(self):
            return GdbTarget()

        def begin(self):
            function = self.frame.function()
            return int(function.value().address) if function else None

        def makes(self):
            function = self.frame.function()
            made = function and function.type.target()
            return made and made.name or ''

        def older(self):
            frame = self.frame.older()
            return frame and GdbFrame(frame)

        def register(self, name):
            return int(self.frame.read_register(name))

        def variable(self, name):
            return int(self.frame.read_var(name))

    class Quiet:
        """gdb does not tell of each stop meanwhile."""

        def __enter__(self):
            gdb.execute('set suppress-cli-notifications on')

        def __exit__(self, *_):
            gdb.execute('set suppress-cli-notifications off')

    class GdbMove(Move):
        target, is_alive = GdbTarget, staticmethod(is_alive)

        def go(self, into):
            with Quiet():
                super().go(into)
            if is_alive():
                gdb.execute('frame')

        def say(self, text):
            gdb.write(text + '\n')

        def frame(self):
            return GdbFrame(gdb.newest_frame())

        def leap(self, into):
            stops = []
            note = stops.append
            gdb.events.stop.connect(note)
            try:
                gdb.execute('step' if into else 'next')
            finally:
                gdb.events.stop.disconnect(note)
            stop = stops[-1] if stops else None
            if isinstance(stop, gdb.BreakpointEvent):
                return any(not isinstance(one, Finish) for one in stop.breakpoints)
            return isinstance(stop, gdb.SignalEvent)

        def watch(self, frame):
            try:
                return Finish(frame.frame)
            except (gdb.error, ValueError):
                return Unwatched

        def leave(self, frame):
            finish = self.watch(frame)
            if finish is not Unwatched:
                gdb.execute('continue')
            return finish.ended

        def run_to(self, function, is_it=None):
            stop = Resume(function, is_it)
            try:
                gdb.execute('continue' if is_alive() else 'run')
            finally:
                stop.delete()

    class Next(Command):
        __doc__ = HELP['next']

        def __init__(self):
            super().__init__('turno next', gdb.COMMAND_RUNNING)

        def run(self, words):
            the_word(words, 'turno next', 0)
            GdbMove().go(into=False)

    class Step(Command):
        __doc__ = HELP['step']

        def __init__(self):
            super().__init__('turno step', gdb.COMMAND_RUNNING)

        def run(self, words):
            the_word(words, 'turno step', 0)
            GdbMove().go(into=True)

    class Filter:
        """`bt` shows the user's frames, and the one where the program stands."""

        def __init__(self):
            self.name, self.enabled, self.priority = 'turno', True, 100
            gdb.frame_filters[self.name] = self

        def filter(self, frames):
            first = True
            for frame in frames:
                if first or GdbFrame(frame.inferior_frame()).is_own():
                    yield Shown(frame)
                first = False

    class Shown(FrameDecorator):
        def function(self):
            name = super().function()
            return pretty(name) if isinstance(name, str) else name

    class Printer:
        def __init__(self, said, value):
            self.said, self.value = said, value

        def to_string(self):
            return self.said

        def children(self):
            """What a lock protects."""
            if not re.match('turno::sync::(mutex::Mutex|rwlock::RwLock)<', self.value.type.name):
                return
            value = self.value['value']
            while any(field.name == 'value' for field in value.type.fields()):
                value = value['value']
            yield 'value', value

    def printer(value):
        name = value.type.strip_typedefs().name or ''
        if name == 'core::task::wake::Waker':
            return waker_printer(value)
        if not name.startswith('turno::') and 'dyn turno::task::run::' not in name:
            return None
        try:
            if value.address is None:
                if name == 'turno::task::id::Id':
                    while value.type.code == gdb.TYPE_CODE_STRUCT:
                        value = value[value.type.fields()[0]]
                    return Printer('Id(%d)' % int(value), value)
                return None
            target = GdbTarget()
            die = next(target.dwarf.find(name, STRUCT), None)
            said = die and summary(Value(target, die, int(value.address)))
            return Printer(said, value) if said else None
        except (Trouble, gdb.error):
            return None

    def waker_printer(value):
        """turno's own wakers; others are left to others."""
        try:
            raw = value['waker']
            clone = int(raw['vtable'].dereference()['clone'])
            function = gdb.block_for_pc(clone).function
            if 'turno::task::wake::TaskWaker' not in str(function):
                return None
            target = GdbTarget()
            die = next(target.dwarf.find('turno::task::wake::TaskWaker', STRUCT))
            return Printer(summary(Value(target, die, int(raw['data']))), value)
        except (Trouble, StopIteration, AttributeError, gdb.error):
            return None

    printer.name, printer.enabled = 'turno', True

    def install():
        for command in (Turno, Tasks, Ready, Bt, Until, Next, Step):
            command()
        Filter()
        gdb.printing.register_pretty_printer(None, printer, replace=True)
        known = gdb.execute('info skip', to_string=True)
        for pattern in SKIPS:
            if pattern not in known:
                gdb.execute('skip -rfu ' + pattern, to_string=True)

    install()
