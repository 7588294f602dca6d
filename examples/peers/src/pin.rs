//! Staying on a processor.
//!
//! Without it, two threads or processes that wake one another take 7 us on one processor, or 50 us
//! on two of which one always has to be roused first; which of the two is the kernel's mood, and no
//! property of a runtime. So what is measured stays on one processor; an echo server with more than
//! one connection has its client on another.

use std::io;

/// The processors that this process may use, by number.
#[cfg(target_os = "linux")]
pub fn allowed() -> io::Result<Vec<usize>> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

/// This thread, and those it starts from now on, stay there.
#[cfg(target_os = "linux")]
pub fn stay_on(cpu: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// Elsewhere nobody can be told where to stay.
#[cfg(not(target_os = "linux"))]
pub fn allowed() -> io::Result<Vec<usize>> {
    Ok(vec![0])
}

#[cfg(not(target_os = "linux"))]
pub fn stay_on(_: usize) -> io::Result<()> {
    Ok(())
}

/// Two processors: one to measure on, and another one, if there is one, for a client.
pub fn two() -> io::Result<(usize, usize)> {
    let allowed = allowed()?;
    let first = allowed.first().copied().unwrap_or_default();
    Ok((allowed.last().copied().unwrap_or_default(), first))
}
