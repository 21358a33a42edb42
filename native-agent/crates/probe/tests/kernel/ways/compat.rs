//! Calls by the numbers of 32-bit programs, made with `int 0x80`: their events are those of the 64-bit calls.
#![cfg(target_arch = "x86_64")]
use std::arch::asm;

use norn_events::EventKind;

use super::same::{assert_same, figures_of};
use crate::network::listener;
use crate::sensor::{Directory, Sensor, c};

/// # Safety
/// As the call's own.
unsafe fn int80(number: u32, arguments: [u32; 5]) -> i32 {
    let result: i32;
    // SAFETY: the kernel keeps all registers but these; LLVM keeps rbx for itself.
    unsafe {
        asm!(
            "xchg {first}, rbx",
            "int 0x80",
            "xchg {first}, rbx",
            first = inout(reg) u64::from(arguments[0]) => _,
            inlateout("eax") number => result,
            in("ecx") arguments[1],
            in("edx") arguments[2],
            in("esi") arguments[3],
            in("edi") arguments[4],
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

/// Memory below 4 GiB, where 32-bit pointers lead.
struct Low {
    start: *mut u8,
    used: usize,
}

impl Low {
    const BYTES: usize = 0x10000;

    fn new() -> Self {
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
        );
        // SAFETY: new memory, which nobody else has.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), Self::BYTES, access, kind, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED, "there is memory below 4 GiB");
        Self {
            start: start.cast(),
            used: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        assert!(self.used + bytes.len() + 8 < Self::BYTES);
        // SAFETY: there is room, and it is ours.
        let at = unsafe {
            let at = self.start.add(self.used);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
            at
        };
        self.used += bytes.len().next_multiple_of(8) + 8;
        at as u32
    }

    fn text(&mut self, text: &str) -> u32 {
        self.put(c(text).as_bytes_with_nul())
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.put(&bytes)
    }
}

const CWD: u32 = libc::AT_FDCWD as u32;

/// One call in two ways, the name at one address for both.
fn same_of_file(
    kind: EventKind,
    by_call: fn(*const libc::c_char),
    number: u32,
    arguments: fn(u32) -> [u32; 5],
) {
    let directory = Directory::new("compat");
    let path = directory.file("shadow");
    let mut low = Low::new();
    let name = low.text(&path);
    let mut sensor = Sensor::start();
    let expected = figures_of(
        &sensor.events_of(|| by_call(name as usize as *const libc::c_char)),
        kind,
    );
    directory.file("shadow");
    // SAFETY: a plain system call on a string that outlives it.
    let seen = sensor.events_of(|| unsafe {
        int80(number, arguments(name));
    });
    assert_same(&expected, &figures_of(&seen, kind));
}

#[test]
fn opens_are_those_of_64_bit_calls() {
    same_of_file(
        EventKind::FileOpen,
        // SAFETY: a plain system call on what outlives it.
        |name| unsafe {
            libc::open(name, libc::O_RDWR | libc::O_TRUNC);
        },
        5,
        |name| [name, (libc::O_RDWR | libc::O_TRUNC) as u32, 0, 0, 0],
    );
    same_of_file(
        EventKind::FileOpen,
        // SAFETY: a plain system call on what outlives it.
        |name| unsafe {
            libc::creat(name, 0o600);
        },
        8,
        |name| [name, 0o600, 0, 0, 0],
    );
}

#[test]
fn a_sensitive_file_that_a_32_bit_call_reads_is_told() {
    let directory = Directory::new("compat-read");
    std::fs::create_dir_all(directory.path().join("etc")).unwrap();
    let path = directory.file("etc/shadow");
    let name = Low::new().text(&path);
    let mut sensor = Sensor::start();
    // SAFETY: plain system calls on a string that outlives them.
    let expected = sensor.events_of(|| unsafe {
        libc::openat(
            libc::AT_FDCWD,
            name as usize as *const libc::c_char,
            libc::O_RDONLY,
        );
    });
    // SAFETY: as above.
    let seen = sensor.events_of(|| unsafe {
        int80(295, [CWD, name, libc::O_RDONLY as u32, 0, 0]);
    });
    let expected = figures_of(&expected, EventKind::FileRead);
    assert_eq!(expected.len(), 1);
    assert_same(&expected, &figures_of(&seen, EventKind::FileRead));
    assert_eq!(sensor.probe.stats().compat_calls, 0, "all are understood");
}

#[test]
fn changes_are_those_of_64_bit_calls() {
    same_of_file(
        EventKind::FileUnlink,
        // SAFETY: a plain system call on what outlives it.
        |name| unsafe {
            libc::unlink(name);
        },
        10,
        |name| [name, 0, 0, 0, 0],
    );
    same_of_file(
        EventKind::FileChmod,
        // SAFETY: a plain system call on what outlives it.
        |name| unsafe {
            libc::chmod(name, 0o4755);
        },
        15,
        |name| [name, 0o4755, 0, 0, 0],
    );
    same_of_file(
        EventKind::FileTruncate,
        // SAFETY: a plain system call on what outlives it.
        |name| unsafe {
            libc::truncate(name, 0x1_0000_0003);
        },
        193,
        |name| [name, 3, 1, 0, 0],
    );
    same_of_file(
        EventKind::FileChown,
        // SAFETY: a plain system call on what outlives it.
        |name| unsafe {
            libc::chown(name, 33, 44);
        },
        212,
        |name| [name, 33, 44, 0, 0],
    );
}

#[test]
fn a_rename_is_that_of_the_64_bit_call() {
    let directory = Directory::new("compat-rename");
    let mut low = Low::new();
    let (old, new) = (low.text(&directory.file("a")), low.text(&directory.join("b")));
    let at = |name: u32| name as usize as *const libc::c_char;
    let mut sensor = Sensor::start();
    // SAFETY: a plain system call on what outlives it.
    let expected = sensor.events_of(|| unsafe {
        libc::renameat2(libc::AT_FDCWD, at(old), libc::AT_FDCWD, at(new), 1);
    });
    std::fs::rename(directory.join("b"), directory.join("a")).unwrap();
    // SAFETY: a plain system call on what outlives it.
    let seen = sensor.events_of(|| unsafe {
        int80(353, [CWD, old, CWD, new, 1]);
    });
    let kind = EventKind::FileRename;
    assert_same(&figures_of(&expected, kind), &figures_of(&seen, kind));
}

#[test]
fn times_of_32_bits_are_read_as_such() {
    same_of_file(
        EventKind::FileTimes,
        |name| {
            let time = libc::timespec {
                tv_sec: 1_000_000_000,
                tv_nsec: 0,
            };
            // SAFETY: a plain system call on what outlives it.
            unsafe { libc::utimensat(libc::AT_FDCWD, name, [time, time].as_ptr(), 0) };
        },
        320,
        |name| {
            let mut low = Low::new();
            let times: Vec<u8> = [1_000_000_000_u32, 0, 1_000_000_000, 0]
                .iter()
                .flat_map(|word| word.to_ne_bytes())
                .collect();
            [CWD, name, low.put(&times), 0, 0]
        },
    );
}

#[test]
fn connections_and_the_multiplexer_of_sockets() {
    let (listener, port) = listener();
    let address: [u32; 4] = [
        u32::from(libc::AF_INET as u16) | u32::from(port.to_be()) << 16,
        u32::from_ne_bytes([127, 0, 0, 1]),
        0,
        0,
    ];
    let mut low = Low::new();
    let address_at = low.words(&address);
    // SAFETY: a plain system call.
    let socket = || unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    let arguments = low.words(&[0, address_at, 16]);
    let mut sensor = Sensor::start();
    let kind = EventKind::NetConnect;
    let mut connect = |act: &dyn Fn(i32)| {
        let seen = sensor.events_of(|| act(socket()));
        let one: Vec<_> = seen.into_iter().filter(|event| event.kind == kind).collect();
        assert_eq!(one.len(), 1, "{one:#?}");
        (
            one[0].path.clone(),
            one[0].value >> 16,
            one[0].flags,
            one[0].result,
        )
    };
    // SAFETY: a plain system call on what outlives it.
    let expected = connect(&|fd| unsafe {
        libc::connect(fd, address_at as usize as *const libc::sockaddr, 16);
    });
    assert_eq!(
        expected,
        // SAFETY: a plain system call on what outlives it.
        connect(&|fd| unsafe {
            int80(362, [fd as u32, address_at, 16, 0, 0]);
        })
    );
    assert_eq!(
        expected,
        connect(&|fd| {
            // SAFETY: a plain system call on what outlives it.
            unsafe {
                (arguments as usize as *mut i32).write(fd);
                int80(102, [3, arguments, 0, 0, 0]);
            }
        })
    );
    drop(listener);
}

#[test]
fn memfd_and_ptrace_have_other_numbers() {
    let mut low = Low::new();
    let name = low.text("payload");
    let mut sensor = Sensor::start();
    // SAFETY: a plain system call on what outlives it.
    let seen = sensor.event_of(EventKind::MemfdCreate, || unsafe {
        int80(356, [name, 1, 0, 0, 0]);
    });
    assert_eq!((seen.path.as_str(), seen.flags), ("payload", 1));
    // SAFETY: a plain system call on what outlives it.
    sensor.event_of(EventKind::Ptrace, || unsafe {
        int80(26, [0; 5]);
    });
}
