//! turno inside somebody else's loop: a host that polls descriptors of its own.
//!
//! The host sleeps in `poll` on its own pipe and on the runtime's descriptor, at most for
//! `park_timeout`. Wakes come from the host between two turns, from a timer, from another thread and
//! through a socket; not one is lost. Expected output, but for the number of rounds:
//!
//! ```text
//! 1000 wakes by the host, 1000 by a thread, 10 timers, 100 datagrams: all heard, in 1153 rounds
//! ```

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::poll_fn;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use print::println;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use turno::net::UnixDatagram;
use turno::runtime::Runtime;
use turno::time::sleep;

const WAKES: u32 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let rt = Runtime::new()?;
    let heard = Rc::new(Cell::new(0));
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();

    // A task that counts how often it is polled: the host wakes it once a round.
    let (count, keep) = (heard.clone(), waker.clone());
    let by_host = rt.spawn(poll_fn(move |cx| {
        count.set(count.get() + 1);
        *keep.borrow_mut() = Some(cx.waker().clone());
        if count.get() > WAKES { Poll::Ready(()) } else { Poll::Pending }
    }));

    // A task that another thread wakes: it ends when it has seen the last of the thread's numbers.
    let number = Arc::new(AtomicU32::new(0));
    let (seen, (tell, told)) = (number.clone(), std::sync::mpsc::channel::<Waker>());
    let by_thread = rt.spawn(poll_fn(move |cx| {
        let _ = tell.send(cx.waker().clone()); // The thread may have ended: then all is seen.
        if seen.load(Ordering::Acquire) >= WAKES { Poll::Ready(()) } else { Poll::Pending }
    }));
    let thread = thread::spawn(move || {
        for waker in told {
            number.fetch_add(1, Ordering::Release);
            waker.wake();
        }
    });

    let timers = rt.spawn(async {
        for _ in 0..10 {
            sleep(Duration::from_millis(2)).await;
        }
    });
    let context = rt.enter();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair()?;
    let socket = UnixDatagram::from_std(theirs)?;
    drop(context);
    let datagrams = rt.spawn(async move {
        for _ in 0..100 {
            socket.recv(&mut [0; 8]).await.expect("the host is there");
        }
    });

    let (host_pipe, _writer) = rustix::pipe::pipe()?;
    let mut rounds = 0;
    let tasks = [&by_host, &by_thread, &timers, &datagrams];
    while tasks.iter().any(|task| !task.is_finished()) {
        rounds += 1;
        if rounds <= 100 {
            ours.send(b"datagram")?;
        }
        if let Some(waker) = waker.borrow_mut().take() {
            waker.wake(); // Between two turns.
        }
        let mut fds = [
            PollFd::new(&host_pipe, PollFlags::IN),
            PollFd::from_borrowed_fd(rt.as_fd(), PollFlags::IN),
        ];
        let timeout = rt.park_timeout().map(Timespec::try_from).transpose()?;
        poll(&mut fds, timeout.as_ref())?;
        rt.turn(Some(Duration::ZERO));
    }
    thread.join().map_err(|_| "the thread panicked")?;
    println!(
        "{WAKES} wakes by the host, {WAKES} by a thread, 10 timers, 100 datagrams: all heard, in \
         {rounds} rounds"
    );
    Ok(())
}
