//! The thread that puts the library into processes, one at a time and not too often: each holds still for a millisecond or two.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use norn_events::{Process, ProcessUid};
use norn_hook::calls::{self, DESTRUCTIVE};
use norn_inject::{Answerer, Blind, Hooked, InjectError, Options, Plans, Wanted, inject};
use norn_os::Waker;
use norn_os::clock::boot_ns;
use norn_os::process::CLOCK_TICK_NS;
use norn_reflex::TreeId;

use crate::answers::Answers;
use crate::calls::RECORDED;
use crate::choice::start_ticks;
use crate::follow::{Follow, Follower};

/// Orders that wait; more are refused and counted.
const ORDERS_MAX: usize = 256;
/// Injections a second, and how many may come at once.
const PER_SECOND_MAX: u32 = 20;
const AT_ONCE_MAX: u32 = 10;
/// A program that has only just started has no libc yet: it is looked at again.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(2);
/// A call that destroys something waits at most this long for its pre-image. Only its own thread waits, not every open on this host: so there is time
/// to copy a large file.
const DEADLINE: Duration = Duration::from_millis(200);

/// One process to be hooked.
pub struct Order {
    pub tree: TreeId,
    pub uid: ProcessUid,
    pub pid: u32,
    pub namespace_pid: u32,
    start_ticks: u64,
    follow: Follow,
}

impl Order {
    pub fn new(process: &Process, tree: TreeId, follow: Follow) -> Self {
        Self {
            tree,
            uid: process.uid,
            pid: process.pid,
            namespace_pid: process.namespace_pid,
            start_ticks: process.start_time_ns / CLOCK_TICK_NS,
            follow,
        }
    }

    fn answerer(&self) -> Box<dyn Answerer> {
        let Follow { vault, counts, .. } = &self.follow;
        let answers = Answers::new((self.pid, self.namespace_pid), vault.clone(), counts.clone());
        Box::new(answers.following(Some(self.follow.clone())))
    }
}

/// Before which calls a process asks: those that destroy something, when it can be kept, and those that start a program.
pub fn options(keeps: bool) -> Options {
    let destructive = if keeps { &DESTRUCTIVE[..] } else { &[] };
    let wanted = Wanted {
        recorded: RECORDED.to_vec(),
        questioned: [destructive, &[calls::EXECVE, calls::EXECVEAT]].concat(),
        deadline: DEADLINE,
        ..Wanted::default()
    };
    Options {
        wanted,
        ..Options::default()
    }
}

/// What came of an order.
pub struct Done {
    pub tree: TreeId,
    pub uid: ProcessUid,
    pub pid: u32,
    pub namespace_pid: u32,
    pub is_followed: bool,
    pub result: Result<Hooked, InjectError>,
    /// CLOCK_BOOTTIME, ns: since then every hooked call is told.
    pub time_ns: u64,
    pub took_us: u64,
}

enum Work {
    Hook(Box<Order>),
    LetGo(Box<Hooked>),
}

pub struct Injector {
    /// `None` while it is dropped.
    work: Option<SyncSender<Work>>,
    done: Receiver<Done>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Injector {
    pub fn start(follower: Arc<Follower>, waker: Waker) -> io::Result<Self> {
        let (work, orders) = sync_channel(ORDERS_MAX);
        let (tell, done) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = waiting.clone();
        let thread = thread::Builder::new()
            .name("hook-injector".to_owned())
            .spawn(move || run(&orders, (&tell, &left), (&follower, &waker)))?;
        Ok(Self {
            work: Some(work),
            done,
            waiting,
            thread: Some(thread),
        })
    }

    /// The reason when there is no room.
    pub fn hook(&self, order: Order) -> Result<(), &'static str> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self
            .work
            .as_ref()
            .map(|work| work.try_send(Work::Hook(Box::new(order))));
        if !matches!(sent, Some(Ok(()))) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err("HOOK_BUSY");
        }
        Ok(())
    }

    /// A process has ended, and with it the need to answer it. Without room it is let go here.
    pub fn let_go(&self, hooked: Hooked) {
        if let Some(work) = &self.work {
            let _let_go_here = work.try_send(Work::LetGo(Box::new(hooked)));
        }
    }

    pub fn done(&self) -> impl Iterator<Item = Done> + '_ {
        self.done.try_iter()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for Injector {
    /// What it has put in and nobody has fetched is taken out by the drop of the channel's end; then passes through.
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        for done in self.done.try_iter() {
            let _gone = done.result.map(Hooked::eject);
        }
    }
}

fn run(
    orders: &Receiver<Work>,
    (tell, waiting): (&Sender<Done>, &AtomicUsize),
    (follower, waker): (&Follower, &Waker),
) {
    follower.plans.prepare();
    let mut pace = Pace::new(Instant::now(), (PER_SECOND_MAX, AT_ONCE_MAX));
    for work in orders {
        let order = match work {
            Work::Hook(order) => order,
            // Waits for an answer under way.
            Work::LetGo(hooked) => {
                drop(hooked);
                continue;
            }
        };
        thread::sleep(pace.wait(Instant::now()));
        let begun = Instant::now();
        let result = hook(&order, &follower.plans);
        let time_ns = boot_ns();
        waiting.fetch_sub(1, Ordering::Relaxed);
        let done = Done {
            tree: order.tree,
            uid: order.uid,
            pid: order.pid,
            namespace_pid: order.namespace_pid,
            is_followed: false,
            result,
            time_ns,
            took_us: begun.elapsed().as_micros() as u64,
        };
        if tell.send(done).is_err() {
            return;
        }
        waker.wake();
    }
}

fn hook(order: &Order, plans: &Plans) -> Result<Hooked, InjectError> {
    let pid = order.pid as i32;
    let options = options(order.follow.vault.is_some());
    for _ in 1..ATTEMPTS {
        if start_ticks(order.pid) != Some(order.start_ticks) {
            return Err(Blind::Gone { pid }.into());
        }
        match inject(pid, plans, &options, order.answerer()) {
            Err(InjectError::Blind(Blind::NoLibc { .. } | Blind::Gone { .. }) | InjectError::Busy { .. }) => {
            }
            done => return done,
        }
        thread::sleep(PAUSE);
    }
    inject(pid, plans, &options, order.answerer())
}

/// A bucket of injections that fills with time.
pub struct Pace {
    per_second: f64,
    at_once: f64,
    left: f64,
    at: Instant,
}

impl Pace {
    pub fn new(now: Instant, (per_second, at_once): (u32, u32)) -> Self {
        Self {
            per_second: f64::from(per_second),
            at_once: f64::from(at_once),
            left: f64::from(at_once),
            at: now,
        }
    }

    /// Takes one; how long to wait before.
    fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        self.left -= 1.0;
        Duration::from_secs_f64((-self.left).max(0.0) / self.per_second)
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let is_there = self.left >= 1.0;
        self.left -= if is_there { 1.0 } else { 0.0 };
        is_there
    }

    fn fill(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + grown).min(self.at_once);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_come_at_once_and_then_they_come_at_their_rate() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin, (PER_SECOND_MAX, AT_ONCE_MAX));
        let waits: Vec<Duration> = (0..AT_ONCE_MAX).map(|_| pace.wait(begin)).collect();
        assert!(waits.iter().all(Duration::is_zero));
        assert_eq!(pace.wait(begin), Duration::from_millis(50));
        assert_eq!(pace.wait(begin), Duration::from_millis(100));
        let later = begin + Duration::from_secs(60);
        assert!((0..AT_ONCE_MAX).all(|_| pace.wait(later).is_zero()));
        assert!(!pace.wait(later).is_zero(), "what was not used does not add up");
        assert!(
            !pace.take(later),
            "nor is there one for somebody who does not wait"
        );
        assert!(pace.take(later + Duration::from_secs(1)));
    }
}
