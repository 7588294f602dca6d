//! Helpers that the tests of what must survive share.
#![allow(dead_code)] // Each test file is a crate of its own and uses some of them.

pub mod at_random;
pub mod crowd;
pub mod found;

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use turno::observe::{Event, Observer};
use turno::runtime::{Builder, Runtime};
use turno::task::Nanos;

pub mod by_hand;
pub mod on_clone;

/// Runs `test`, and ends the whole process with a message if it hangs.
pub fn guarded<R>(test: impl FnOnce() -> R) -> R {
    let done = Arc::new(AtomicBool::new(false));
    let (seen, thread) = (done.clone(), thread::current());
    let name = thread.name().unwrap_or("a test").to_string();
    let dog = thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(60);
        while !seen.load(SeqCst) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                eprintln!("{name} hangs: 60 s have passed");
                std::process::abort();
            }
            thread::park_timeout(left);
        }
    });
    let result = catch_unwind(AssertUnwindSafe(test));
    done.store(true, SeqCst);
    dog.thread().unpark();
    match result {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A runtime in virtual time.
pub fn virtual_rt() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// What happened, in order, as lines of text.
#[derive(Clone, Default)]
pub struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn say(&self, line: impl Display) {
        self.0.borrow_mut().push(line.to_string());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.borrow_mut())
    }

    /// All that happened since the last look is `expected`.
    #[track_caller]
    pub fn check(&self, expected: &[&str]) {
        assert_eq!(self.take(), expected);
    }

    /// Says `line` when it is dropped.
    pub fn on_drop(&self, line: &str) -> impl Drop + use<> {
        let (trace, line) = (self.clone(), line.to_string());
        OnDrop::new(move || trace.say(line))
    }
}

/// Shows switches and parks of a runtime as lines: whom, why, when.
impl Observer for Trace {
    fn event(&mut self, now: Nanos, event: &Event<'_>) {
        match event {
            Event::Woken { task, .. } => {
                self.say(format_args!("{now} {} {}", task.id(), task.cause()))
            }
            Event::Switched { n, task, .. } => {
                self.say(format_args!("{now} switch {n} to {}", task.id()))
            }
            Event::Ended { task, left, .. } => self.say(format_args!("{now} {} {left}", task.id())),
            Event::Aborted { task, .. } => self.say(format_args!("{now} {} aborted", task.id())),
            Event::Parked { until, .. } => self.say(format_args!("{now} parked until {until:?}")),
            _ => {}
        }
    }
}

/// Runs a closure when it is dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub fn new(f: F) -> Self {
        Self(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// The text of a panic.
pub fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or("no text".into())
}

/// The text that `f` panics with.
#[track_caller]
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it was to panic, and did not"),
        Err(panic) => text(&*panic),
    }
}

/// `found` contains `wanted`.
#[track_caller]
pub fn has(found: impl AsRef<str>, wanted: &str) {
    let found = found.as_ref();
    assert!(found.contains(wanted), "{wanted:?} is not in {found:?}");
}

/// A future that waits until it is opened, by anybody on its thread; its clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Rc<RefCell<(bool, Option<Waker>)>>);

impl Gate {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn open(&self) {
        let waker = {
            let mut gate = self.0.borrow_mut();
            gate.0 = true;
            gate.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut gate = self.0.borrow_mut();
        if gate.0 {
            return Poll::Ready(());
        }
        gate.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The waker of the task that awaits it.
pub fn own_waker() -> impl Future<Output = Waker> {
    std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone()))
}

/// Waits for one wake, whoever makes it, having shown its waker to `f`.
pub async fn wait_once(f: impl FnOnce(&Waker)) {
    let mut f = Some(f);
    std::future::poll_fn(|cx| match f.take() {
        Some(f) => {
            f(cx.waker());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await
}

/// A waker that counts its wakes and may do something at each.
#[derive(Clone, Default)]
pub struct By(Arc<Counting>);

#[derive(Default)]
struct Counting {
    wakes: AtomicUsize,
    /// Where in `ACTS` lies what it does: a waker is `Send`, what it does here need not be.
    does: Option<usize>,
}

type Act = Rc<dyn Fn()>;

thread_local! {
    static ACTS: RefCell<Vec<Option<Act>>> = const { RefCell::new(Vec::new()) };
}

impl By {
    /// A waker that does `act` whenever it wakes, on this thread.
    pub fn doing(act: impl Fn() + 'static) -> Self {
        let does = ACTS.with_borrow_mut(|acts| {
            acts.push(Some(Rc::new(act)));
            acts.len() - 1
        });
        Self(Arc::new(Counting { wakes: AtomicUsize::new(0), does: Some(does) }))
    }

    pub fn wakes(&self) -> usize {
        self.0.wakes.load(SeqCst)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
        let act = self.does.and_then(|does| ACTS.with_borrow(|acts| acts[does].clone()));
        act.into_iter().for_each(|act| act());
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let Some(does) = self.does else { return };
        let _act = ACTS.try_with(|acts| acts.borrow_mut()[does].take());
    }
}

/// A future that is polled by hand, outside of any runtime, and its waker.
pub struct Tasklet<F: Future> {
    future: Pin<Box<F>>,
    by: By,
}

impl<F: Future> Tasklet<F> {
    pub fn new(future: F) -> Self {
        Self { future: Box::pin(future), by: By::default() }
    }

    /// One that has been polled, and waits.
    #[track_caller]
    pub fn polled(future: F) -> Self {
        let mut tasklet = Self::new(future);
        assert!(tasklet.poll().is_pending(), "it was to wait");
        tasklet
    }

    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.by.0.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polled by somebody else from now on. Returns who it was.
    pub fn by(&mut self, by: By) -> By {
        std::mem::replace(&mut self.by, by)
    }

    pub fn wakes(&self) -> usize {
        self.by.wakes()
    }
}
