//! A future's place in a queue, and how it is polled (floor 2).
//!
//! All that is waited for in turn is waited for here, so that the same holds for all of it.
//!
//! *The waker's clone may bring it about.* To clone a foreign waker is user code, which may
//! release, send, close or drop the very thing that is waited for, or panic. So the clone is made
//! before it is looked whether to wait; and if a future stands in the queue already, it looks
//! afterwards whether it was handed something meanwhile. A task that is polled by its loop clones
//! nothing, and pays for nothing of that.
//!
//! *The order of coming holds for the spent, too.* A task that has no budget left must give way
//! before it gets anything. What is free it is handed at once, and takes when it runs again; what
//! is not it waits for, like any other.

use std::task::{Context, Poll, ready};

use super::queue::{Hold, NOBODY, Queue};
use super::reason::WaitReason;
use super::{Place, Site, Whom, with};
use crate::task::current;

/// What is waited for in a queue.
pub(crate) trait Asked {
    fn queue(&self) -> &Queue;

    /// How much of it.
    fn wants(&self) -> u32 {
        0
    }

    /// What for, in reports.
    #[inline]
    fn reason(&self) -> WaitReason {
        self.queue().reason()
    }

    /// The task that holds it now, for reports.
    #[inline]
    fn held(&self) -> Hold {
        NOBODY
    }

    /// Takes it for a future made at `site`, if it is free. Returns what a waiter would be handed.
    fn take_free(&self, site: Site) -> Option<u32>;

    /// One more waits, because it was not free. No user code has run in between.
    #[inline]
    fn joined(&self) {}
}

/// A future's place in a queue. The future's drop must call [`leave`](Self::leave).
pub(crate) struct Waiter {
    place: Option<Place>,
    site: Site,
}

impl Waiter {
    /// Waits for nothing yet. `site` is where the future was made.
    #[inline]
    pub(crate) const fn new(site: Site) -> Self {
        Self { place: None, site }
    }

    /// Where the future was made.
    pub(crate) fn site(&self) -> Site {
        self.site
    }

    /// Whether it is in the queue, or was handed something and has not taken it.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.place.is_some()
    }

    /// Where it waits, or was handed something and has not taken it.
    #[inline]
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }

    /// Where it waits and was handed nothing.
    pub(crate) fn waits_at(&self) -> Option<Place> {
        self.place.filter(|_| !self.is_handed())
    }

    /// Gets what is asked for, if it is free or was handed to it; or waits at the end of the queue,
    /// or where it waits already. Then what it wants stays as it is, and only the target of the
    /// wake is brought up to date.
    #[inline]
    pub(crate) fn poll(&mut self, asked: &impl Asked, cx: &Context<'_>) -> Poll<u32> {
        if !current::try_spend() {
            return self.poll_spent(asked, cx);
        }
        let got = match self.place {
            Some(_) => self.take(),
            None => asked.take_free(self.site),
        };
        if let Some(got) = got {
            return Poll::Ready(got);
        }
        if self.wait(asked, cx)
            && let Some(got) = self.take()
        {
            return Poll::Ready(got);
        }
        current::unspend();
        Poll::Pending
    }

    /// As [`poll`](Self::poll), for a task that has to give way first.
    #[cold]
    fn poll_spent(&mut self, asked: &impl Asked, cx: &Context<'_>) -> Poll<u32> {
        if self.place.is_none()
            && let Some(got) = asked.take_free(self.site)
        {
            self.keep(asked, got);
        }
        if self.is_handed() || self.wait(asked, cx) {
            current::give_way(cx);
        }
        Poll::Pending
    }

    /// Waits for what is not free. True if it has it after all, to be taken: a waker was cloned.
    #[inline]
    fn wait(&mut self, asked: &impl Asked, cx: &Context<'_>) -> bool {
        match self.place {
            Some(place) => !super::waits(place, cx) && self.sign(place, cx),
            None if current::is_own(cx.waker()) => {
                self.join(asked, Whom::runs());
                false
            }
            None => self.wait_as_stranger(asked, cx),
        }
    }

    #[cold]
    fn wait_as_stranger(&mut self, asked: &impl Asked, cx: &Context<'_>) -> bool {
        let whom = Whom::polls(cx);
        let got = asked.take_free(self.site);
        match got {
            // Kept first: a panic in the drop of the waker must not lose it.
            Some(got) => self.keep(asked, got),
            None => self.join(asked, whom),
        }
        got.is_some()
    }

    /// As [`wait`](Self::wait), for news. It stands in the way of nothing, so it can be in the
    /// queue before its waker is; and it is told what the clone of that brings about.
    #[inline]
    fn listen(&mut self, asked: &impl Asked, cx: &Context<'_>) -> bool {
        match self.place {
            Some(place) => !super::waits(place, cx) && self.sign(place, cx),
            None => {
                self.join(asked, Whom::runs());
                !current::is_own(cx.waker()) && self.place.is_some_and(|place| self.sign(place, cx))
            }
        }
    }

    /// Waits at the end of the queue, or where it waits already, with nothing to wake yet.
    pub(crate) fn wait_unwoken(&mut self, asked: &impl Asked) {
        if self.place.is_none() {
            self.join(asked, Whom::nobody());
        }
    }

    #[inline(always)]
    fn join(&mut self, asked: &impl Asked, whom: Whom) {
        let queue = asked.queue();
        let (reason, amount, held) = (asked.reason(), asked.wants(), asked.held());
        self.place = with(|waits| {
            let record = queue.record(waits, held);
            let place = waits.insert(whom, reason, self.site, amount, record);
            queue.link_last(waits, place.index);
            place
        });
        asked.joined();
    }

    /// It was handed `amount` without having waited, and takes it later. It makes no record for the
    /// queue: a lock is faster without one.
    fn keep(&mut self, asked: &impl Asked, amount: u32) {
        let record = asked.queue().known_record();
        self.place = with(|waits| {
            let place = waits.insert(Whom::runs(), asked.reason(), self.site, amount, record);
            if let Some(entry) = waits.get_mut(place) {
                (entry.handed, entry.alone) = (true, true);
            }
            place
        });
    }

    /// The waker of `cx` is to be woken from now on. True if it need not be: the future was handed
    /// something meanwhile.
    #[cold]
    fn sign(&self, place: Place, cx: &Context<'_>) -> bool {
        let mut whom = Some(Whom::polls(cx));
        with(|waits| {
            if waits.get(place).is_some_and(|entry| !entry.handed) {
                whom = whom.take().and_then(|whom| waits.set_whom(place, whom));
            }
        });
        drop(whom); // Nothing is borrowed, and whatever that brings about finds the new waker.
        self.is_handed()
    }

    /// Whether it was handed something and has not taken it.
    fn is_handed(&self) -> bool {
        let handed = |place| with(|waits| waits.get(place).is_some_and(|entry| entry.handed));
        self.place.and_then(handed).unwrap_or(false)
    }

    /// What it was handed, if anything: it does not wait any more then.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<u32> {
        let place = self.place?;
        let handed = with(|waits| {
            let (handed, amount) = waits.get(place).map(|entry| (entry.handed, entry.amount))?;
            // Its waker was taken when it was handed something, so nothing is dropped here.
            let waited = handed.then(|| waits.remove(place))??;
            waits.note_move((waited.of, waited.task));
            Some(amount)
        })??;
        self.place = None;
        Some(handed)
    }

    /// Waits no more. Returns what becomes of it, for the caller to pass on what it was handed and
    /// did not take; `None` if it did not wait.
    #[inline]
    pub(crate) fn leave(&mut self, queue: &Queue) -> Option<Left> {
        let place = self.place.take()?;
        with(|waits| {
            let (handed, amount) = waits.get(place).map(|entry| (entry.handed, entry.amount))?;
            if !handed {
                queue.unlink(waits, place.index);
            }
            Some(Left { handed, amount, _whom: waits.remove(place) })
        })?
    }
}

/// How a waiter left its queue.
pub(crate) struct Left {
    /// It was handed `amount`; or else it still wanted so much.
    pub(crate) handed: bool,
    pub(crate) amount: u32,
    /// Its drop is user code: it comes last, when what was to be passed on has been.
    _whom: Option<Whom>,
}

/// A [`Waiter`] for news that reach everybody alike: nothing of it has to be passed on, so it
/// leaves by itself.
pub(crate) struct Listener<'a> {
    queue: &'a Queue,
    waiter: Waiter,
}

/// What a [`Listener`] waits for is never there already: that was looked for before.
struct News<'a>(&'a Queue);

impl Asked for News<'_> {
    #[inline]
    fn queue(&self) -> &Queue {
        self.0
    }

    #[inline]
    fn take_free(&self, _: Site) -> Option<u32> {
        None
    }
}

impl<'a> Listener<'a> {
    /// Waits for nothing yet; the future was made at `site`.
    #[inline]
    pub(crate) fn new(queue: &'a Queue, site: Site) -> Self {
        Self { queue, waiter: Waiter::new(site) }
    }

    /// What `news` finds, now or after the next news. When it finds something, the queue has been
    /// told, so no waker is kept here.
    #[inline]
    pub(crate) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        mut news: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        ready!(current::poll_spend(cx));
        let mut found = news();
        if found.is_none() {
            self.waiter.take();
            if self.waiter.listen(&News(self.queue), cx) {
                found = news();
                if found.is_none() {
                    // The news was not for it. It stands in no queue now, and asks again.
                    current::wake_own(cx);
                }
            }
        }
        if let Some(found) = found {
            self.leave();
            return Poll::Ready(found);
        }
        current::unspend();
        Poll::Pending
    }

    fn leave(&mut self) {
        self.waiter.leave(self.queue);
    }
}

impl Drop for Listener<'_> {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}
