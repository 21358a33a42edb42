//! A hooked process, and how the library gets out of it again.
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use norn_hook::state::State;
use norn_hook::stub::JUMP_BYTES;

use crate::channel::Channel;
use crate::error::InjectError;
use crate::image::{Layout, PAGE, Patch};
use crate::maps::{self, Mapping};
use crate::remote::{self, Remote};
use crate::respond::Responder;
use crate::seccomp;
use crate::stop::Stopped;
use crate::will::Gadgets;

/// Calls that the process makes for it.
const EJECTION: [i64; 2] = [libc::SYS_munmap, libc::SYS_rt_sigreturn];
/// How often threads are given time to leave the library, and for how long: each time longer, since on a busy CPU a thread's
/// whole turn goes to the stop.
const ATTEMPTS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Of each thread's stack, this much is searched for signal handlers that will return into the library.
const STACK_BYTES_MAX: u64 = 1 << 20;

pub struct Hooked {
    pub pid: i32,
    pub(crate) layout: Layout,
    pub(crate) patches: Vec<Patch>,
    pub(crate) channel: Arc<Channel>,
    pub(crate) gadgets: Gadgets,
    pub(crate) image: ImageFile,
    pub(crate) held: Duration,
    /// Held: the process is answered as long as this lives.
    pub(crate) _responder: Responder,
}

/// The memfd that a process's library lies in, as its memory map names it: code from there is the agent's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageFile {
    pub device: u64,
    pub inode: u64,
}

/// How much of the library is left in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// All code is as it was, but a thread may still return into the library's memory, so that stays.
    Memory,
}

impl Hooked {
    pub fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    pub fn image(&self) -> ImageFile {
        self.image
    }

    /// How long the process held still for it.
    pub fn held(&self) -> Duration {
        self.held
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// Puts the process's code back, and unmaps the library once no thread can come back to it.
    pub fn eject(self) -> Result<Left, InjectError> {
        let mut left = Ok(Left::Memory);
        let mut pause = PAUSE;
        for _ in 0..ATTEMPTS {
            left = std::thread::scope(|scope| scope.spawn(|| self.once()).join()).unwrap_or(Err(
                InjectError::Library {
                    what: "the injector has a defect",
                },
            ));
            if !matches!(left, Ok(Left::Memory) | Err(InjectError::Busy { .. })) {
                break;
            }
            std::thread::sleep(pause);
            pause = PAUSE_MAX.min(pause * 2);
        }
        left
    }

    fn once(&self) -> Result<Left, InjectError> {
        let mut stopped = Stopped::stop(self.pid)?;
        let memory = remote::open_memory(&stopped)?;
        self.restore(&mut stopped, &memory)?;
        let mut tids = stopped.threads.keys();
        if !tids.all(|tid| seccomp::may(*tid, &EJECTION)) || !self.is_quiet(&stopped, &memory)? {
            return Ok(Left::Memory);
        }
        let mut remote = Remote::begin(&mut stopped, self.gadgets)?;
        let (base, bytes) = self.layout.extent();
        remote.call(
            "unmapping the library",
            libc::SYS_munmap,
            [base, bytes, 0, 0, 0, 0],
        )?;
        Ok(Left::Nothing)
    }

    /// Only where the code is still ours: what somebody else has written since is left alone.
    fn restore(&self, stopped: &mut Stopped, memory: &File) -> Result<(), InjectError> {
        for patch in &self.patches {
            let mut there = [0; JUMP_BYTES];
            let done = memory.read_exact_at(&mut there, patch.site.start).and_then(|()| {
                if there == patch.replacement() {
                    memory.write_all_at(patch.original(), patch.site.start)
                } else {
                    Ok(())
                }
            });
            done.map_err(|error| stopped.failed("restoring a call site", error))?;
        }
        let moved = stopped.move_threads(|rip| self.patches.iter().find_map(|patch| patch.from_stub(rip)));
        moved.map_err(|error| stopped.failed("moving a thread", error))
    }

    /// Whether no thread is in the library, nor will return to it from a signal handler.
    fn is_quiet(&self, stopped: &Stopped, memory: &File) -> Result<bool, InjectError> {
        let mut inside = [0; 8];
        let at = self.layout.state + std::mem::offset_of!(State, inside) as u64;
        memory
            .read_exact_at(&mut inside, at)
            .map_err(|error| stopped.failed("reading the library's state", error))?;
        if inside != [0; 8] {
            return Ok(false);
        }
        let maps = maps::read(self.pid)?;
        let threads = stopped.threads.values();
        let will_return = |rsp: u64| self.is_interrupted(memory, &maps, rsp);
        Ok(threads
            .map(|thread| thread.registers)
            .all(|registers| !self.layout.has_code(registers.rip) && !will_return(registers.rsp)))
    }

    /// Looks for what the kernel puts on a stack for a signal handler: an instruction pointer of ours, the flags, and the code segment.
    fn is_interrupted(&self, memory: &File, maps: &[Mapping], rsp: u64) -> bool {
        const USER_CODE_SEGMENT: u64 = 0x33;
        let Some(stack) = maps
            .iter()
            .find(|mapping| (mapping.start..mapping.end).contains(&rsp))
        else {
            return false;
        };
        let from = rsp & !7;
        let mut bytes = vec![0; (stack.end - from).min(STACK_BYTES_MAX) as usize];
        let read = bytes.chunks_mut(PAGE as usize).try_fold(from, |at, chunk| {
            memory.read_exact_at(chunk, at).ok()?;
            Some(at + PAGE)
        });
        let words: Vec<u64> = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_ne_bytes(*word))
            .collect();
        let is_frame = |word: &[u64]| self.layout.has_code(word[0]) && word[2] & 0xffff == USER_CODE_SEGMENT;
        read.is_none() || words.windows(3).any(is_frame)
    }
}
