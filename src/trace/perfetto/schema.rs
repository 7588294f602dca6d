//! The numbers of Perfetto's schema that a trace is made of (floor 5).

/// Numbers of fields and the like, as Perfetto's schema names them (protos/perfetto/trace).
pub(super) mod field {
    pub(in crate::trace) const PACKET: u32 = 1;
    // TracePacket
    pub(in crate::trace) const FTRACE_EVENTS: u32 = 1;
    pub(in crate::trace) const TIMESTAMP: u32 = 8;
    pub(in crate::trace) const SEQUENCE: u32 = 10;
    pub(in crate::trace) const TRACK_EVENT: u32 = 11;
    pub(in crate::trace) const INTERNED_DATA: u32 = 12;
    pub(in crate::trace) const SEQUENCE_FLAGS: u32 = 13;
    pub(in crate::trace) const TRACK_DESCRIPTOR: u32 = 60;
    // InternedData
    pub(in crate::trace) const EVENT_NAMES: u32 = 2;
    pub(in crate::trace) const ANNOTATION_NAMES: u32 = 3;
    pub(in crate::trace) const KERNEL_SYMBOLS: u32 = 26;
    pub(in crate::trace) const STRINGS: u32 = 29;
    // TrackEvent
    pub(in crate::trace) const ANNOTATION: u32 = 4;
    pub(in crate::trace) const TYPE: u32 = 9;
    pub(in crate::trace) const NAME_IID: u32 = 10;
    pub(in crate::trace) const TRACK: u32 = 11;
    pub(in crate::trace) const COUNTER_VALUE: u32 = 30;
    pub(in crate::trace) const FLOW: u32 = 47;
    pub(in crate::trace) const FLOW_END: u32 = 48;
    // FtraceEvent
    pub(in crate::trace) const SWITCH: u32 = 4;
    pub(in crate::trace) const BLOCKED_REASON: u32 = 18;
    pub(in crate::trace) const WAKING: u32 = 20;
}

/// Kinds of track events.
pub(super) const BEGIN: u64 = 1;
pub(super) const END: u64 = 2;
pub(super) const INSTANT: u64 = 3;
pub(super) const COUNTER: u64 = 4;

/// How a thread leaves the processor, as Linux says it.
pub(super) const RUNNABLE: u64 = 0;
pub(super) const SLEEPING: u64 = 1;
pub(super) const DEAD: u64 = 16;

/// Tracks: these, and from `TASKS` on that of the task with the serial number 0, 1, ...
pub(super) const PROCESS: u64 = 1;
pub(super) const REACTOR: u64 = 2;
pub(super) const QUEUE: u64 = 3;
pub(super) const TASKS: u64 = 8;

/// The thread that runs when nobody does.
pub(super) const IDLE: u64 = 0;

/// Threads have smaller numbers than this: a number is an `int32`, and that of the process is
/// greater than theirs.
pub(super) const TIDS: u64 = 100_000_000;

/// So many bytes of scheduling events are put into one packet.
pub(super) const BUNDLE: usize = 1 << 14;
