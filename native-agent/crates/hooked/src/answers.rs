//! Before a hooked process destroys a file: its pre-image is kept, and then the call goes on.
//!
//! Names are looked up as the process sees them: below its root, from its working directory or the descriptor that it gives.
use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use norn_hook::calls;
use norn_hook::channel::{FLAG_CUT, FLAG_UNREAD};
use norn_inject::{Answerer, Call};
use norn_os::process::{Status, children};
use norn_vault::{Preimage, Vault};

/// Forks whose pids on the host are remembered, and looked through for one.
const FORKS_MAX: usize = 1_024;

/// Of all hooked processes.
#[derive(Debug, Default)]
pub struct AnswerCounts {
    taken: AtomicU64,
    missed: AtomicU64,
    /// Which file it is about could not be found out.
    unknown: AtomicU64,
}

impl AnswerCounts {
    /// Kept, missed, and of an unknown file.
    pub fn all(&self) -> (u64, u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.taken), of(&self.missed), of(&self.unknown))
    }

    pub fn detail(&self) -> String {
        let (kept, missed, unknown) = self.all();
        format!("before unlink, rename over and truncate: {kept} kept, {missed} missed, {unknown} not found")
    }

    pub fn has_kept(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > 0
    }
}

/// Told before a process starts a program: its ids on the host and as it knows itself, the call, and the file.
pub type Starts = Box<dyn Fn((u32, u32), &Call, &OwnedFd) + Send>;

pub struct Answers {
    /// The hooked process, on the host and as it knows itself.
    pid: u32,
    namespace_pid: u32,
    vault: Option<Arc<Vault>>,
    starts: Option<Starts>,
    counts: Arc<AnswerCounts>,
    /// Its forks, by the pid that they know, in its own namespace of pids.
    forks: HashMap<u32, u32>,
    is_raised: bool,
}

impl Answers {
    pub fn new(
        (pid, namespace_pid): (u32, u32),
        vault: Option<Arc<Vault>>,
        counts: Arc<AnswerCounts>,
    ) -> Self {
        Self {
            pid,
            namespace_pid,
            vault,
            starts: None,
            counts,
            forks: HashMap::new(),
            is_raised: false,
        }
    }

    /// Of what it starts, too, it is told before.
    pub fn following(self, starts: Starts) -> Self {
        let starts = Some(starts);
        Self { starts, ..self }
    }

    fn keep(&mut self, call: &Call, named: Named<'_>) -> io::Result<Preimage> {
        // A fork of a fork that has lost its parent is not found: then its root is that of the hooked process, and so is all else.
        let pid = self.host_pid(call.pid).unwrap_or(self.pid);
        match &self.vault {
            Some(vault) => vault.keep(&open(pid, named)?, pid),
            None => Ok(Preimage::Elsewhere),
        }
    }

    /// A child of vfork says its parent's process id; its thread's own is also that of its process.
    fn start(&mut self, call: &Call) {
        let (Some(pid), Some(starts)) = (self.host_pid(call.tid), &self.starts) else {
            return;
        };
        let directory = if call.number == calls::EXECVEAT {
            call.args[0] as i32
        } else {
            libc::AT_FDCWD
        };
        let named = Named::Path {
            directory,
            path: &call.first,
            follows: true,
        };
        let is_whole = call.flags & (FLAG_CUT | FLAG_UNREAD) == 0 && !call.first.is_empty();
        // Where there is nothing it is looked for elsewhere, or the call fails.
        if is_whole && let Ok(file) = open(pid, named) {
            starts((pid, call.tid), call, &file);
        }
    }

    fn host_pid(&mut self, pid: u32) -> Option<u32> {
        if self.pid == self.namespace_pid {
            return Some(pid);
        }
        if pid == self.namespace_pid {
            return Some(self.pid);
        }
        if let Some(known) = self
            .forks
            .get(&pid)
            .filter(|known| innermost_pid(**known) == Some(pid))
        {
            return Some(*known);
        }
        let found = descendants(self.pid).find(|&child| innermost_pid(child) == Some(pid))?;
        if self.forks.len() >= FORKS_MAX {
            self.forks.clear();
        }
        self.forks.insert(pid, found);
        Some(found)
    }
}

impl Answerer for Answers {
    fn before(&mut self, call: &Call) {
        if !std::mem::replace(&mut self.is_raised, true)
            && let Err(error) = norn_respond::raise_own_thread()
        {
            tracing::debug!(%error, "priority_refused: hooked processes wait longer on a busy machine");
        }
        if matches!(call.number, calls::EXECVE | calls::EXECVEAT) {
            return self.start(call);
        }
        let Some(named) = destroyed(call) else { return };
        let count = match self.keep(call, named) {
            Ok(Preimage::Taken) => &self.counts.taken,
            Ok(Preimage::Missed) => &self.counts.missed,
            Ok(Preimage::Known | Preimage::Elsewhere) => return,
            // The call will fail as well.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => &self.counts.unknown,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A file as a call names it.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    Descriptor(i32),
    Path {
        /// AT_FDCWD for the working directory.
        directory: i32,
        path: &'a [u8],
        /// A symbolic link at its end is followed.
        follows: bool,
    },
}

/// The file that is gone, or has another content, after this call.
fn destroyed(call: &Call) -> Option<Named<'_>> {
    let flag = |number: usize, bits: u32| call.args[number] & u64::from(bits) != 0;
    let (directory, path, follows) = match call.number {
        calls::FTRUNCATE => return Some(Named::Descriptor(call.args[0] as i32)),
        calls::TRUNCATE => (libc::AT_FDCWD, &call.first, true),
        calls::UNLINK => (libc::AT_FDCWD, &call.first, false),
        calls::UNLINKAT if !flag(2, libc::AT_REMOVEDIR as u32) => (call.args[0] as i32, &call.first, false),
        calls::RENAME => (libc::AT_FDCWD, &call.second, false),
        calls::RENAMEAT => (call.args[2] as i32, &call.second, false),
        calls::RENAMEAT2 if !flag(4, libc::RENAME_EXCHANGE | libc::RENAME_NOREPLACE) => {
            (call.args[2] as i32, &call.second, false)
        }
        _ => return None,
    };
    let is_whole = call.flags & (FLAG_CUT | FLAG_UNREAD) == 0 && !path.is_empty();
    is_whole.then_some(Named::Path {
        directory,
        path,
        follows,
    })
}

/// By `O_PATH`, as the process would find it.
fn open(pid: u32, named: Named<'_>) -> io::Result<OwnedFd> {
    let of_process = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    let by_path = |path: PathBuf| File::options().read(true).custom_flags(libc::O_PATH).open(path);
    let (directory, path, follows) = match named {
        Named::Descriptor(number) => return by_path(of_process(&format!("fd/{number}"))).map(OwnedFd::from),
        Named::Path {
            directory,
            path,
            follows,
        } => (directory, path, follows),
    };
    let root = by_path(of_process("root"))?;
    let whole = if path.starts_with(b"/") {
        PathBuf::from(OsStr::from_bytes(path))
    } else {
        let from = match directory {
            libc::AT_FDCWD => of_process("cwd"),
            number => of_process(&format!("fd/{number}")),
        };
        let from = fs::read_link(from)?;
        below(&from, &fs::read_link(of_process("root"))?).join(OsStr::from_bytes(path))
    };
    let last = if follows {
        OFlag::empty()
    } else {
        OFlag::O_NOFOLLOW
    };
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | last)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    Ok(openat2(&root, &whole, how)?)
}

/// /proc shows a process of another root in the same mounts with that root's path in front.
fn below(path: &Path, root: &Path) -> PathBuf {
    match path.strip_prefix(root) {
        Ok(rest) => Path::new("/").join(rest),
        Err(_) => path.to_owned(),
    }
}

/// Its pid in the namespace that it knows.
fn innermost_pid(pid: u32) -> Option<u32> {
    Status::of(pid)?.namespace_pid()
}

/// Children and theirs, the nearest first.
fn descendants(pid: u32) -> impl Iterator<Item = u32> {
    let mut waiting = VecDeque::from(children(pid));
    std::iter::from_fn(move || {
        let found = waiting.pop_front()?;
        waiting.extend(children(found));
        Some(found)
    })
    .take(FORKS_MAX)
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
