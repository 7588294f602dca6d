//! What a Perfetto trace says in words (floor 5).

use crate::task::{Cause, Wait, WaitReason};
use crate::trace::recording::{Recording, Switch};

/// So many of the ready queue are told at each switch.
const QUEUED: usize = 8;

/// Why a task is ready, in a word.
pub(super) fn short(cause: Cause) -> String {
    match cause {
        Cause::Spawn { .. } => "spawned".into(),
        Cause::Yield => "yielded".into(),
        Cause::Budget => "budget".into(),
        Cause::Task(_) => "woken".into(),
        Cause::Timer => "timer".into(),
        Cause::Source(source) => format!("source {source}"),
        Cause::Outside => "outside".into(),
    }
}

/// What is waited for, without the time, so that it is the same text again and again.
pub(super) fn what(recording: &Recording, wait: &Wait) -> String {
    let mut text = match wait.reason {
        WaitReason::Timer(_) => "a timer".to_string(),
        WaitReason::Join(id) => format!("the end of {}", recording.label(id)),
        reason => reason.to_string(),
    };
    if let Some(holder) = wait.holder {
        text += &format!(", locked by {} at {}", recording.label(holder.task), holder.site);
    }
    text
}

/// Who was ready as well.
pub(super) fn queue(recording: &Recording, switch: &Switch<'_>) -> String {
    let labels = switch.queue.iter().take(QUEUED).map(|&id| recording.label(id));
    let mut text = labels.collect::<Vec<_>>().join(", ");
    if switch.ready > QUEUED.min(switch.queue.len()) {
        text += &format!(" and {} more", switch.ready - QUEUED.min(switch.queue.len()));
    }
    text
}
