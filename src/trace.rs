//! Recording a run, to look at it afterwards (floor 5).
//!
//! A [`Recorder`] is an observer that keeps what it is shown, in a ring: what there is no room for
//! any more is counted as lost, and everything that shows a recording says so. [`Recorder::new`]
//! keeps all there is to know of each switch; [`Recorder::ring`] is a flight recorder, which costs
//! little enough to be left on. [`Page`] is a recording, or several, to step through in a browser.
//!
//! A program need not know of it: with `TURNO_TRACE=run.html`, `run.pftrace` or `-` in its
//! environment each of its runtimes is recorded, and written when it is dropped, in a panic too. A
//! program that leaves by `std::process::exit`, or is killed, drops nothing and writes nothing.
//!
//! ```
//! use turno::runtime::Builder;
//! use turno::trace::Recorder;
//!
//! let recorder = Recorder::new();
//! let rt = Builder::new().start_paused(true).observe(recorder.clone()).build()?;
//! rt.block_on(async { turno::spawn(turno::task::yield_now()).await.unwrap() });
//! let recording = recorder.recording();
//! assert_eq!((recording.switches().count(), recording.lost), (4, 0));
//! # Ok::<(), std::io::Error>(())
//! ```

mod output;
mod page;
mod recorder;
mod recording;
mod schedule;

mod perfetto;
mod protobuf;
mod save;
mod text;

pub(crate) mod hook;

pub use output::{Output, write};
pub use page::Page;
pub use recorder::Recorder;
pub use recording::{Choice, Record, Recording, Switch, TaskRecord, What};
pub use schedule::{NoBeginning, breakpoint};
pub use text::Text;
