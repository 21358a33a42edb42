//! The thread that answers a process's questions, and whose being there tells the process that the agent lives.
//!
//! It notes its thread id in the channel's robust futex word: when it ends, be it by SIGKILL, the kernel marks the word, and the next hooked
//! call passes through at once.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use norn_hook::channel::{
    OWNER_DIED, SLOT_ABANDONED, SLOT_ANSWERED, SLOT_ASKED, SLOT_FREE, SLOT_WRITING, SLOTS, Slot,
};

use crate::channel::{Call, Channel, copy};
use crate::schedule;

/// How often the thread looks up without being asked: for its own end, and for slots whose process has ended.
const LOOK: Duration = Duration::from_millis(200);
/// Looks after which a slot that is neither asked nor free belongs to nobody any more.
const LOOKS_MAX: u8 = 5;

/// What the agent does before a call goes on that may destroy something.
pub trait Answerer: Send {
    /// The process waits until this returns, or until its deadline.
    fn before(&mut self, call: &Call);
}

/// Answers at once: for processes that are only listened to.
pub struct Nothing;

impl Answerer for Nothing {
    fn before(&mut self, _: &Call) {}
}

/// The answering thread of one channel; ends when this is dropped.
pub struct Responder {
    ending: Arc<AtomicBool>,
    channel: Arc<Channel>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Returns when the process can see that the agent is there.
    pub fn start(channel: Arc<Channel>, answerer: Box<dyn Answerer>) -> io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = std::sync::mpsc::channel::<()>();
        let work = Work {
            channel: channel.clone(),
            answerer,
            ending: ending.clone(),
            looks: [0; SLOTS],
        };
        let thread = std::thread::Builder::new()
            .name("hook-answers".into())
            .stack_size(256 << 10)
            .spawn(move || work.run(&ready))?;
        let _ = is_ready.recv();
        Ok(Self {
            ending,
            channel,
            thread: Some(thread),
        })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        let asked = &self.channel.shared().header.asked;
        asked.fetch_add(1, Ordering::Release);
        futex(asked, libc::FUTEX_WAKE, 1, None);
        if let Some(thread) = self.thread.take() {
            // A panic of the answerer has been printed where it happened.
            let _ = thread.join();
        }
    }
}

struct Work {
    channel: Arc<Channel>,
    answerer: Box<dyn Answerer>,
    ending: Arc<AtomicBool>,
    looks: [u8; SLOTS],
}

impl Work {
    fn run(mut self, ready: &Sender<()>) {
        let channel = self.channel.clone();
        let header = &channel.shared().header;
        let presence = Presence::new(&header.agent);
        presence.announce();
        let _ = ready.send(());
        // Until here a process may have held still for it.
        schedule::take_own_time();
        while !self.ending.load(Ordering::Acquire) {
            let asked = header.asked.load(Ordering::Acquire);
            for number in 0..SLOTS {
                self.look_at(&channel.shared().slots[number], number);
            }
            futex(&header.asked, libc::FUTEX_WAIT, asked, Some(LOOK));
        }
    }

    fn look_at(&mut self, slot: &Slot, number: usize) {
        match slot.state.load(Ordering::Acquire) {
            SLOT_ASKED => {
                self.answerer.before(&copy(&raw const slot.record));
                let answered = slot.state.compare_exchange(
                    SLOT_ASKED,
                    SLOT_ANSWERED,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                if answered.is_ok() {
                    futex(&slot.state, libc::FUTEX_WAKE, 1, None);
                } else {
                    slot.state.store(SLOT_FREE, Ordering::Release);
                }
                self.looks[number] = 0;
            }
            SLOT_ABANDONED => slot.state.store(SLOT_FREE, Ordering::Release),
            state @ (SLOT_WRITING | SLOT_ANSWERED) => {
                self.looks[number] += 1;
                if self.looks[number] > LOOKS_MAX {
                    // Still the same state: whoever had it was ended in the middle.
                    let _ =
                        slot.state
                            .compare_exchange(state, SLOT_FREE, Ordering::AcqRel, Ordering::Relaxed);
                    self.looks[number] = 0;
                }
            }
            _ => self.looks[number] = 0,
        }
    }
}

/// The kernel's list of words to mark when this thread ends: with one entry.
#[repr(C)]
struct RobustList {
    first: *const Entry,
    futex_offset: isize,
    pending: *const Entry,
}

#[repr(C)]
struct Entry {
    next: *const RobustList,
}

struct Presence<'a> {
    word: &'a AtomicU32,
    list: Box<(RobustList, Entry)>,
}

impl<'a> Presence<'a> {
    fn new(word: &'a AtomicU32) -> Self {
        let list = RobustList {
            first: std::ptr::null(),
            futex_offset: 0,
            pending: std::ptr::null(),
        };
        let mut list = Box::new((
            list,
            Entry {
                next: std::ptr::null(),
            },
        ));
        let entry = &raw const list.1;
        list.1.next = &raw const list.0;
        list.0.first = entry;
        list.0.futex_offset = (word.as_ptr() as isize).wrapping_sub(entry as isize);
        Self { word, list }
    }

    fn announce(&self) {
        // SAFETY: the list is on the heap until `drop`, which empties the word first. This thread uses no robust mutex.
        unsafe {
            libc::syscall(
                libc::SYS_set_robust_list,
                &raw const self.list.0,
                size_of::<RobustList>(),
            )
        };
        // SAFETY: has no arguments.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
        self.word.store(tid, Ordering::Release);
    }
}

impl Drop for Presence<'_> {
    /// Also when the answerer has panicked.
    fn drop(&mut self) {
        self.word.store(OWNER_DIED, Ordering::Release);
        // SAFETY: the kernel forgets the list before its memory goes.
        unsafe {
            libc::syscall(
                libc::SYS_set_robust_list,
                std::ptr::null::<RobustList>(),
                size_of::<RobustList>(),
            )
        };
    }
}

fn futex(word: &AtomicU32, operation: i32, value: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as i64,
        tv_nsec: i64::from(timeout.subsec_nanos()),
    });
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), |timeout| &raw const *timeout);
    // SAFETY: the word is in shared memory that is mapped, the timeout lives until the call returns.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, timeout) };
}
