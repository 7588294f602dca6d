#!/usr/bin/env python3
"""Decodes Perfetto traces that turno wrote with Perfetto's own schema, and holds them to their promises.

    pip install perfetto
    .ci/perfetto-check.py FILE.pftrace...
"""

import sys
from collections import Counter

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

# Words that a thread leaves the processor with.
LEFT = {0: "runnable", 1: "sleeping", 16: "dead"}


def unknown(message, path=""):
    """Names the fields that the schema does not know: they would be our mistakes."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    for field in UnknownFieldSet(message):
        yield f"{path or 'trace'}: field {field.field_number}"
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        repeated = not hasattr(value, "ListFields")
        for part in value if repeated else [value]:
            yield from unknown(part, f"{path}.{descriptor.name}")


class Trace:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        self.trace = schema.Trace()
        self.trace.ParseFromString(data)
        self.size = len(data)
        self.threads = {}  # tid -> name
        self.tracks = {}  # uuid -> tid
        self.slices = []  # (tid, name, annotations)
        self.instants = []  # (tid, name, annotations)
        self.sched = []
        self.symbols = {}
        self.ends = 0
        names, notes, strings = {}, {}, {}
        for packet in self.trace.packet:
            data = packet.interned_data
            names.update((entry.iid, entry.name) for entry in data.event_names)
            notes.update((entry.iid, entry.name) for entry in data.debug_annotation_names)
            strings.update(
                (entry.iid, entry.str.decode()) for entry in data.debug_annotation_string_values
            )
            self.symbols.update((entry.iid, entry.str.decode()) for entry in data.kernel_symbols)
            if packet.HasField("track_descriptor"):
                track = packet.track_descriptor
                if track.HasField("thread"):
                    self.threads[track.thread.tid] = track.thread.thread_name
                    self.tracks[track.uuid] = track.thread.tid
            if packet.HasField("ftrace_events"):
                self.sched.extend(packet.ftrace_events.event)
            if packet.HasField("track_event"):
                event = packet.track_event
                about = {
                    notes[note.name_iid]: note.uint_value
                    if note.HasField("uint_value")
                    else strings[note.string_value_iid]
                    for note in event.debug_annotations
                }
                row = (self.tracks.get(event.track_uuid), names.get(event.name_iid), about)
                if event.type == event.TYPE_SLICE_BEGIN:
                    self.slices.append(row)
                elif event.type == event.TYPE_INSTANT:
                    self.instants.append(row)
                elif event.type == event.TYPE_SLICE_END:
                    self.ends += 1
        self.reactor = next(tid for tid, name in self.threads.items() if name == "reactor")


def check(path):
    trace = Trace(path)
    mistakes = list(unknown(trace.trace))[:5]

    def demand(holds, what):
        if not holds:
            mistakes.append(what)

    switches = [row for row in trace.slices if row[0] != trace.reactor]
    ins = [e for e in trace.sched if e.HasField("sched_switch") and e.sched_switch.next_pid]
    demand(switches, "there is no switch in it")
    numbers = [about["n"] for _, _, about in switches]
    demand(
        numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True,
        "the numbers of the switches have gaps",
    )
    demand(len(ins) == len(switches), f"{len(ins)} sched_switch for {len(switches)} switches")
    demand(
        [e.sched_switch.next_pid for e in ins] == [tid for tid, _, _ in switches],
        "the scheduling lane and the slices tell of different tasks",
    )
    demand(trace.ends == len(trace.slices), "a slice does not end")

    # Who left the processor is who had it.
    running = 0
    for event in trace.sched:
        if event.HasField("sched_switch"):
            switch = event.sched_switch
            demand(switch.prev_pid == running, f"at {event.timestamp} {switch.prev_pid} left, {running} ran")
            demand(switch.prev_state in LEFT, f"state {switch.prev_state}")
            running = switch.next_pid
    demand(running == 0, "somebody runs for ever")

    # Every wake names a waker that exists; a task's wake names that task.
    wakes = [e for e in trace.sched if e.HasField("sched_waking")]
    for event in wakes:
        demand(event.pid in trace.threads, f"woken by an unknown thread {event.pid}")
        demand(event.sched_waking.pid in trace.threads, "an unknown thread is woken")
    by_task = Counter(e.sched_waking.pid for e in wakes if e.pid != trace.reactor)
    caused = Counter(tid for tid, name, about in switches if "by" in about)
    lacking = caused - by_task
    demand(not lacking, f"wakes by tasks without a waker: {dict(lacking)}")

    # Names and places.
    demand(all(trace.threads.values()), "a thread has no name")
    place = lambda text: text.rsplit(":", 2)[-1].isdigit()
    for tid, _, about in switches:
        demand(place(about.get("spawned at", "")), f"task {tid} was spawned nowhere")
        if "then waits for" in about:
            demand(place(about.get("at", "")), f"task {tid} waits nowhere")
    reasons = [e.sched_blocked_reason.caller for e in trace.sched if e.HasField("sched_blocked_reason")]
    demand(all(reason in trace.symbols for reason in reasons), "a reason for waiting has no text")

    each = trace.size / max(len(switches), 1)
    print(
        f"{path}: {len(switches)} switches, {len(wakes)} wakes, {len(reasons)} waits, "
        f"{len(trace.threads)} threads, {each:.0f} bytes a switch"
    )
    for mistake in mistakes[:10]:
        print(f"  WRONG: {mistake}")
    return not mistakes


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(0 if all([check(path) for path in sys.argv[1:]]) else 1)
