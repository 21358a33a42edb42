//! The known action: one of each kind of event, in a child process, with names that nobody else has.
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use norn_events::EventKind;
use norn_os::boot_ns;

use crate::record::{Header, Record};

/// The child that acts: until this moment its pid is its own, ns since boot.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    pub pid: u32,
    pub ended_ns: u64,
}

impl Actor {
    pub fn did(&self, header: &Header) -> bool {
        header.tgid == self.pid && header.time_ns <= self.ended_ns
    }
}

/// The child's names, made before the fork: afterwards it may not allocate.
pub struct Names {
    file: CString,
    /// One whose reading is told, and where it lies.
    key: CString,
    directory: CString,
    memfd: CString,
}

impl Names {
    pub fn new(directory: &Path, text: &str) -> Option<Self> {
        let file = directory.join(text);
        let directory = file.with_extension("keys");
        let name = |path: PathBuf| CString::new(path.into_os_string().into_encoded_bytes()).ok();
        Some(Self {
            key: name(directory.join("id_ed25519"))?,
            directory: name(directory)?,
            file: name(file)?,
            memfd: CString::new(text).ok()?,
        })
    }

    /// Whether this record of the actor's is as it must be; its kind.
    pub fn proves(&self, record: &Record<'_>) -> Option<EventKind> {
        let header = &record.header;
        // SAFETY: getuid cannot fail and touches no memory.
        let own_user = unsafe { libc::getuid() };
        if header.user_id != own_user {
            return None;
        }
        let kind = record.kind()?;
        let mut path = Vec::new();
        record.path_into(&mut path);
        let is_right = match kind {
            EventKind::FileOpen | EventKind::FileUnlink => path == self.file.as_bytes(),
            EventKind::FileRead | EventKind::FileTimes => path == self.key.as_bytes(),
            EventKind::Exec => path == self.file.as_bytes() && header.result == -libc::ENOENT,
            EventKind::MemfdCreate => path.ends_with(self.memfd.as_bytes()),
            EventKind::Mount => path == b"/",
            EventKind::ModuleLoad => header.result < 0,
            EventKind::StdioSocket => header.flags == 0,
            _ => true,
        };
        is_right.then_some(kind)
    }
}

/// A child that has not begun: it waits for a byte.
pub struct Waiting {
    pub pid: u32,
    gate: OwnedFd,
}

impl Waiting {
    /// # Errors
    /// When the kernel gives no process or no pipe.
    pub fn start(names: &Names) -> io::Result<Self> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: the child calls only async-signal-safe functions on memory made before, and ends by _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            wait(read.as_raw_fd(), write.as_raw_fd());
            act(names);
        }
        let pid = u32::try_from(child).map_err(|_| io::Error::last_os_error())?;
        Ok(Self { pid, gate: write })
    }

    /// Lets it act, and waits for its end.
    pub fn let_act(self) -> Actor {
        // One that is gone already has done nothing, which is seen.
        let _ = nix::unistd::write(&self.gate, b"!");
        // SAFETY: waits for our own child and writes no status.
        unsafe { libc::waitpid(self.pid.cast_signed(), std::ptr::null_mut(), 0) };
        Actor {
            pid: self.pid,
            ended_ns: boot_ns(),
        }
    }
}

/// In the child: until the parent says so. When the parent ends instead, so does the child.
fn wait(read: RawFd, write: RawFd) {
    let mut byte = 0_u8;
    // SAFETY: closes the child's copy of the descriptor, and reads one byte into one that is there.
    unsafe {
        libc::close(write);
        if libc::read(read, (&raw mut byte).cast(), 1) != 1 {
            libc::_exit(0);
        }
    }
}

/// In the child. Nothing here leaves a trace but the events: what it makes it removes, or it ends with the child.
fn act(names: &Names) -> ! {
    // SAFETY: system calls on memory that was made before the fork and outlives them; no allocation, no locks.
    unsafe {
        let file = libc::open(
            names.file.as_ptr(),
            libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL,
            0o600,
        );
        libc::close(file);
        libc::unlink(names.file.as_ptr());
        read_key(names);
        libc::memfd_create(names.memfd.as_ptr(), libc::MFD_CLOEXEC);
        // The file is gone by now: an exec that fails is an event as well.
        let arguments = [names.file.as_ptr(), std::ptr::null()];
        libc::execve(names.file.as_ptr(), arguments.as_ptr(), arguments[1..].as_ptr());
        libc::unshare(libc::CLONE_NEWNS);
        let private = libc::MS_REC | libc::MS_PRIVATE;
        libc::mount(
            names.memfd.as_ptr(),
            c"/".as_ptr(),
            std::ptr::null(),
            private,
            std::ptr::null(),
        );
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
            },
            sin_zero: [0; 8],
        };
        libc::bind(
            socket,
            (&raw const address).cast(),
            size_of::<libc::sockaddr_in>() as u32,
        );
        libc::listen(socket, 1);
        libc::dup2(socket, 0);
        make_bpf_array();
        write_to_itself();
        set_limit_of_agent();
        // Nothing is no module: it is refused.
        libc::syscall(libc::SYS_init_module, std::ptr::null::<u8>(), 0, c"".as_ptr());
        libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
        libc::_exit(0)
    }
}

/// One byte, by the call for other processes.
///
/// # Safety
/// As `act`.
unsafe fn write_to_itself() {
    let (from, mut to) = (7_u8, 0_u8);
    let local = libc::iovec {
        iov_base: (&raw const from).cast_mut().cast(),
        iov_len: 1,
    };
    let remote = libc::iovec {
        iov_base: (&raw mut to).cast(),
        iov_len: 1,
    };
    // SAFETY: both bytes outlive the call, and nobody else looks at them.
    unsafe { libc::process_vm_writev(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
}

/// Makes a file that is called as keys are, opens it for reading too, gives it an old time and removes it.
///
/// # Safety
/// As `act`.
unsafe fn read_key(names: &Names) {
    // SAFETY: system calls on strings that were made before the fork.
    unsafe {
        libc::mkdir(names.directory.as_ptr(), 0o700);
        libc::close(libc::open(
            names.key.as_ptr(),
            libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
            0o600,
        ));
        let time = libc::timespec {
            tv_sec: 1_000_000_000,
            tv_nsec: 0,
        };
        libc::utimensat(libc::AT_FDCWD, names.key.as_ptr(), [time, time].as_ptr(), 0);
        libc::unlink(names.key.as_ptr());
        libc::rmdir(names.directory.as_ptr());
    }
}

/// To what it is.
///
/// # Safety
/// As `act`.
unsafe fn set_limit_of_agent() {
    let mut limit = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is there for both calls.
    unsafe {
        let agent = libc::getppid();
        if libc::prlimit64(agent, libc::RLIMIT_CORE, std::ptr::null(), &raw mut limit) == 0 {
            libc::prlimit64(agent, libc::RLIMIT_CORE, &raw const limit, std::ptr::null_mut());
        }
    }
}

/// BPF_MAP_CREATE of an array of one u32; it goes with the child.
///
/// # Safety
/// As `act`.
unsafe fn make_bpf_array() {
    const BPF_MAP_CREATE: i64 = 0;
    const BPF_MAP_TYPE_ARRAY: u32 = 2;
    let attributes: [u32; 4] = [BPF_MAP_TYPE_ARRAY, 4, 4, 1];
    // SAFETY: the kernel reads 16 bytes of attributes, which are there.
    unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_CREATE,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
}
