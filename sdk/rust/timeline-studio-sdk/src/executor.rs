//! Runs futures on the one thread that there is, whenever the host calls the plugin.
//!
//! Host calls are synchronous, so that most futures are ready at once. One that waits for something else, such as an
//! event, pends: what was spawned then goes on when the host calls next, and what the host waits for fails in words,
//! because nothing can wake it while the host waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::error::{Error, Result};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Ids of tasks that were woken, in order. Wakers may be dropped and used on other threads.
#[derive(Default)]
struct Ready(Mutex<VecDeque<usize>>);

impl Ready {
    fn push(&self, id: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
    }

    fn pop(&self) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

struct TaskWaker {
    id: usize,
    ready: Arc<Ready>,
    queued: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.id);
        }
    }
}

struct Slot {
    /// None while it is polled.
    task: Option<Task>,
    waker: Arc<TaskWaker>,
}

#[derive(Default)]
struct Executor {
    slots: RefCell<Vec<Option<Slot>>>,
    ready: Arc<Ready>,
}

thread_local! {
    static EXECUTOR: Executor = Executor::default();
}

/// Starts a future that nobody waits for. It is polled before the host's call ends, and goes on in later calls while it
/// pends.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    EXECUTOR.with(|executor| {
        let mut slots = executor.slots.borrow_mut();
        let id = slots.iter().position(Option::is_none).unwrap_or(slots.len());
        let waker = Arc::new(TaskWaker { id, ready: Arc::clone(&executor.ready), queued: AtomicBool::new(true) });
        let slot = Some(Slot { task: Some(Box::pin(future)), waker });
        if id == slots.len() {
            slots.push(slot);
        } else {
            slots[id] = slot;
        }
        executor.ready.push(id);
    });
}

/// Polls what was woken until nothing is.
pub(crate) fn run() {
    while poll_next() {}
}

/// Polls one task that was woken; returns whether there was one.
fn poll_next() -> bool {
    let Some(id) = EXECUTOR.with(|executor| executor.ready.pop()) else { return false };
    let taken = EXECUTOR.with(|executor| {
        let mut slots = executor.slots.borrow_mut();
        let slot = slots.get_mut(id)?.as_mut()?;
        Some((slot.task.take()?, Arc::clone(&slot.waker)))
    });
    // a stale entry: the task it was for has ended, and its place may be another's by now
    let Some((mut task, waker)) = taken else { return true };
    waker.queued.store(false, Ordering::Release);
    let done = task.as_mut().poll(&mut Context::from_waker(&Waker::from(waker))).is_ready();
    let ended = EXECUTOR.with(|executor| {
        let mut slots = executor.slots.borrow_mut();
        let slot = slots[id].as_mut()?;
        slot.task = Some(task);
        if done {
            slots[id].take()
        } else {
            None
        }
    });
    drop(ended); // outside of the borrow: what it drops may spawn
    true
}

/// Runs a future that the host waits for, and others that were woken meanwhile.
///
/// # Errors
///
/// What the future answers, or that it waits for something that cannot happen before the host's call has ended.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = std::pin::pin!(future);
    loop {
        if woken.0.swap(false, Ordering::AcqRel) {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                run();
                return answer;
            }
        } else if !poll_next() && !woken.0.load(Ordering::Acquire) {
            return Err(Error::msg(
                "waits for something that cannot happen while the host waits for this answer; \
                 use api.spawn for what should go on later",
            ));
        }
    }
}

/// Runs a future that may go on after the host's call, as `main` does.
///
/// # Errors
///
/// What the future answers, if it ends in this call. A later error is logged.
pub(crate) fn start(name: &'static str, future: impl Future<Output = Result<()>> + 'static) -> Result<()> {
    let answer = Arc::new(Mutex::new(None));
    let waited = Arc::new(AtomicBool::new(true));
    let (told, asked) = (Arc::clone(&answer), Arc::clone(&waited));
    spawn(async move {
        let ended = future.await;
        match ended {
            Err(error) if !asked.load(Ordering::Acquire) => log::error!("{name} failed: {error}"),
            ended => *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended),
        }
    });
    run();
    waited.store(false, Ordering::Release);
    let ended = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    ended.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    /// Pends so many times, waking itself each time.
    fn yields(mut times: u32) -> impl Future<Output = ()> {
        poll_fn(move |context| {
            if times == 0 {
                return Poll::Ready(());
            }
            times -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn a_future_that_pends_and_wakes_itself_is_polled_again() {
        let answer = block_on(async {
            yields(3).await;
            Ok(7)
        });
        assert_eq!(answer, Ok(7));
    }

    #[test]
    fn what_nothing_can_wake_fails_in_words() {
        let answer: Result<()> = block_on(std::future::pending());
        assert!(answer.unwrap_err().message().contains("cannot happen while the host waits"));
    }

    #[test]
    fn a_task_may_wake_what_the_host_waits_for() {
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let open = Rc::new(Cell::new(false));
        let (waker, gate) = (Rc::clone(&kept), Rc::clone(&open));
        spawn(async move {
            yields(2).await;
            gate.set(true);
            waker.borrow_mut().take().unwrap().wake();
        });
        let answer = block_on(poll_fn(move |context| {
            if open.get() {
                return Poll::Ready(Ok("open"));
            }
            *kept.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        }));
        assert_eq!(answer, Ok("open"));
    }

    #[test]
    fn what_pends_goes_on_in_a_later_call() {
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let (waker, polls) = (Rc::clone(&kept), Rc::new(Cell::new(0)));
        let counted = Rc::clone(&polls);
        let begun = start(
            "main",
            poll_fn(move |context| {
                counted.set(counted.get() + 1);
                *waker.borrow_mut() = Some(context.waker().clone());
                if counted.get() == 2 {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                }
            }),
        );
        assert_eq!((begun, polls.get()), (Ok(()), 1));
        run();
        assert_eq!(polls.get(), 1, "nobody woke it");
        kept.borrow_mut().take().unwrap().wake();
        run();
        assert_eq!(polls.get(), 2);
    }

    #[test]
    fn a_late_wake_of_an_ended_task_is_harmless() {
        let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
        let waker = Rc::clone(&kept);
        spawn(poll_fn(move |context| {
            *waker.borrow_mut() = Some(context.waker().clone());
            Poll::Ready(())
        }));
        run();
        let late = kept.borrow_mut().take().unwrap();
        late.wake_by_ref();
        let ran = Rc::new(Cell::new(0));
        let counted = Rc::clone(&ran);
        spawn(async move { counted.set(counted.get() + 1) });
        run();
        late.wake();
        run();
        assert_eq!(ran.get(), 1);
    }

    #[test]
    fn what_fails_in_this_call_is_answered() {
        assert_eq!(start("main", async { Err(Error::msg("no")) }), Err(Error::msg("no")));
    }
}
