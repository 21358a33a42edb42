//! The thread that puts the library into processes, one at a time and not too often: each holds still for a millisecond or two.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use norn_events::{Process, ProcessUid};
use norn_inject::{Answerer, Blind, Hooked, InjectError, Plans, inject};
use norn_os::Waker;
use norn_os::clock::boot_ns;
use norn_os::process::CLOCK_TICK_NS;
use norn_reflex::TreeId;

use crate::answers::Answers;
use crate::calls::options;
use crate::choice::start_ticks;
use crate::follow::{Follow, Follower};
use crate::pace::Pace;

/// Orders that wait; more are refused and counted.
const ORDERS_MAX: usize = 256;
/// Injections a second, and how many may come at once.
const PER_SECOND_MAX: u32 = 20;
const AT_ONCE_MAX: u32 = 10;
/// A program that has only just started has no libc yet: it is looked at again.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(2);

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
        Box::new(answers.following(self.follow.clone().starts()))
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
