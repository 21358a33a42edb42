//! Does a known action in a child process and looks for its events in the rings, without taking them out: each must
//! come back with the child's own pid and user, and the path it used.
use std::ffi::CString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use norn_events::EventKind;
use norn_os::boot_ns;

use crate::record::{Header, Record};
use crate::stream::Stream;

/// Which events came back as they should.
#[derive(Debug, Default)]
pub struct SelfTest {
    seen: Vec<EventKind>,
    actor: Option<Actor>,
}

/// The child that acted: until this moment its pid was its own, ns since boot.
#[derive(Debug, Clone, Copy)]
struct Actor {
    pid: u32,
    ended_ns: u64,
}

/// What proves a capability: all of these events.
const PROOFS: [(&str, &[EventKind]); 14] = [
    (
        "process.lifecycle",
        &[EventKind::Fork, EventKind::Exec, EventKind::Exit],
    ),
    ("file.open", &[EventKind::FileOpen]),
    ("file.read", &[EventKind::FileRead]),
    ("file.change", &[EventKind::FileUnlink]),
    ("file.attribute", &[EventKind::FileTimes]),
    ("network.connection", &[EventKind::NetListen]),
    ("process.stdio_socket", &[EventKind::StdioSocket]),
    ("process.memfd", &[EventKind::MemfdCreate]),
    ("process.ptrace", &[EventKind::Ptrace]),
    ("process.write", &[EventKind::ProcessWrite]),
    ("host.module", &[EventKind::ModuleLoad]),
    ("process.namespace", &[EventKind::Unshare]),
    ("host.mount", &[EventKind::Mount]),
    ("host.bpf", &[EventKind::Bpf]),
];

/// The child's names, made before the fork: afterwards it may not allocate.
struct Names {
    file: CString,
    /// One whose reading is told, and where it lies.
    key: CString,
    directory: CString,
    memfd: CString,
}

impl Names {
    fn new(text: &str) -> Option<Self> {
        let file = std::env::temp_dir().join(text);
        let directory = file.with_extension("keys");
        let name = |path: PathBuf| CString::new(path.into_os_string().into_encoded_bytes()).ok();
        Some(Self {
            key: name(directory.join("id_ed25519"))?,
            directory: name(directory)?,
            file: name(file)?,
            memfd: CString::new(text).ok()?,
        })
    }
}

impl SelfTest {
    const PATIENCE: Duration = Duration::from_millis(500);

    pub fn run(&mut self, stream: &Stream) {
        let text = format!("norn-self-test-{}", std::process::id());
        let Some(names) = Names::new(&text) else { return };
        // SAFETY: the child calls only async-signal-safe functions on memory made before, and ends by _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            act(&names);
        }
        if child < 0 {
            return;
        }
        // SAFETY: waits for our own child and writes no status.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        self.actor = Some(Actor {
            pid: child.cast_unsigned(),
            ended_ns: boot_ns(),
        });
        let deadline = Instant::now() + Self::PATIENCE;
        while Instant::now() < deadline && !self.is_complete() {
            stream.peek(|record| self.look(record, &names));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether all events that prove the capability came back.
    pub fn saw(&self, capability: &str) -> bool {
        let proof = PROOFS.iter().find(|(name, _)| *name == capability);
        proof.is_some_and(|(_, kinds)| kinds.iter().all(|kind| self.seen.contains(kind)))
    }

    fn is_complete(&self) -> bool {
        PROOFS.iter().all(|(capability, _)| self.saw(capability))
    }

    /// Did the child of this test do it? Nobody else is to be told of that.
    pub fn acted(&self, header: &Header) -> bool {
        self.actor
            .is_some_and(|actor| header.tgid == actor.pid && header.time_ns <= actor.ended_ns)
    }

    fn look(&mut self, record: &Record<'_>, names: &Names) {
        let header = &record.header;
        // SAFETY: getuid cannot fail and touches no memory.
        let own_user = unsafe { libc::getuid() };
        if !self.acted(header) || header.user_id != own_user {
            return;
        }
        let Some(kind) = record.kind() else { return };
        let mut path = Vec::new();
        record.path_into(&mut path);
        let is_right = match kind {
            EventKind::FileOpen | EventKind::FileUnlink => path == names.file.as_bytes(),
            EventKind::FileRead | EventKind::FileTimes => path == names.key.as_bytes(),
            EventKind::Exec => path == names.file.as_bytes() && header.result == -libc::ENOENT,
            EventKind::MemfdCreate => path.ends_with(names.memfd.as_bytes()),
            EventKind::Mount => path == b"/",
            EventKind::ModuleLoad => header.result < 0,
            EventKind::StdioSocket => header.flags == 0,
            _ => true,
        };
        if is_right && !self.seen.contains(&kind) {
            self.seen.push(kind);
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
