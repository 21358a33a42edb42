//! Whether a process can be hooked, and if not, why: what the capability report calls a blind spot.
use std::fs;
use std::sync::Arc;

use norn_hook::channel::{MODULES_MAX, SITES_MAX};
use norn_hook::stub::Site;
use object::{Object, ObjectSection, read::elf::FileHeader};

use crate::error::Blind;
use crate::maps::{self, Mapping};
use crate::plan::{Plan, Plans};
use crate::will::Gadgets;

/// The name under which the library lies in a process's memory map.
pub const IMAGE_NAME: &str = "norn-hook";
const IMAGE_PATH: &str = "/memfd:norn-hook";
const AT_BASE: u64 = 7;
const AT_SECURE: u64 = 23;
const PROGRAM_BYTES_MAX: u64 = 1 << 30;

/// A library of the process, where it lies, and what is replaced in it.
pub struct Loaded {
    /// Added to an address of the plan.
    pub base: u64,
    pub plan: Arc<Plan>,
}

/// A process that can be hooked.
pub struct Target {
    pub pid: i32,
    pub maps: Vec<Mapping>,
    pub libraries: Vec<Loaded>,
}

impl Target {
    pub fn sites(&self) -> usize {
        self.libraries.iter().map(|loaded| loaded.plan.sites.len()).sum()
    }

    /// At their addresses in the process.
    pub fn gadgets(&self) -> Option<Gadgets> {
        self.libraries.iter().find_map(|loaded| {
            let found = loaded.plan.gadgets?;
            Some(Gadgets {
                call: loaded.base + found.call,
                restore: loaded.base + found.restore,
            })
        })
    }

    /// All that is replaced, at its addresses in the process.
    pub(crate) fn sites_there(&self) -> Vec<Site> {
        let of = |loaded: &Loaded| {
            let base = loaded.base;
            loaded
                .plan
                .sites
                .iter()
                .map(move |site| Site {
                    start: base + site.start,
                    ..*site
                })
                .collect::<Vec<_>>()
        };
        self.libraries.iter().flat_map(of).collect()
    }

    /// From the lowest to the highest address of code that is replaced.
    pub fn extent(&self) -> (u64, u64) {
        let ends = self
            .libraries
            .iter()
            .map(|loaded| (loaded.base + loaded.plan.code.0, loaded.plan.code.1));
        ends.fold((u64::MAX, 0), |(low, high), (start, bytes)| {
            (low.min(start), high.max(start + bytes))
        })
    }
}

/// What the process is, or why it cannot be hooked. A filter by seccomp is looked at later, when the process holds still.
pub fn examine(pid: i32, plans: &Plans) -> Result<Target, Blind> {
    check_state(pid)?;
    examine_code(pid, plans)
}

/// As `examine`, for a process that waits for us by itself.
pub fn examine_code(pid: i32, plans: &Plans) -> Result<Target, Blind> {
    let maps = maps::read(pid)?;
    if maps.is_empty() {
        return Err(Blind::Gone { pid });
    }
    if maps.iter().any(|mapping| mapping.path.starts_with(IMAGE_PATH)) {
        return Err(Blind::AlreadyHooked { pid });
    }
    check_rights(pid)?;
    if maps::status(pid, "x86_Thread_features").is_some_and(|features| features.contains("shstk")) {
        return Err(Blind::ShadowStack { pid });
    }
    let libraries = libraries(pid, &maps, plans);
    let has_libc = maps
        .iter()
        .any(|mapping| mapping.executable && is_libc(&mapping.path) && !is_loader_alone(&mapping.path));
    if !has_libc || libraries.iter().all(|loaded| loaded.plan.sites.is_empty()) {
        return Err(without_libc(pid));
    }
    if is_go(pid) {
        return Err(Blind::Go { pid });
    }
    Ok(Target { pid, maps, libraries })
}

fn check_state(pid: i32) -> Result<(), Blind> {
    let state = maps::status(pid, "State").ok_or(Blind::Gone { pid })?;
    match state.chars().next() {
        Some('T') => return Err(Blind::Stopped { pid }),
        Some('Z' | 'X') => return Err(Blind::Gone { pid }),
        _ => {}
    }
    match maps::status_number(pid, "TracerPid") {
        Some(0) | None => Ok(()),
        Some(tracer) => Err(Blind::Traced {
            pid,
            tracer: tracer as i32,
        }),
    }
}

/// As soon as a program has been started and before it runs: whether it is one that can be hooked later.
pub fn check_started(pid: i32) -> Result<(), Blind> {
    check_rights(pid)?;
    match auxiliary(pid, AT_BASE)? {
        // Nobody loads it.
        None | Some(0) => Err(without_libc(pid)),
        Some(_) => Ok(()),
    }
}

/// What the kernel told the program when it was started.
fn auxiliary(pid: i32, kind: u64) -> Result<Option<u64>, Blind> {
    let auxiliary = fs::read(format!("/proc/{pid}/auxv")).map_err(|_| Blind::NotAllowed { pid })?;
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    let mut entries = auxiliary.as_chunks::<16>().0.iter();
    Ok(entries
        .find(|entry| number(&entry[..8]) == kind)
        .map(|entry| number(&entry[8..])))
}

fn check_rights(pid: i32) -> Result<(), Blind> {
    match auxiliary(pid, AT_SECURE)? {
        Some(0) => Ok(()),
        Some(_) => Err(Blind::SecureExec { pid }),
        // It is between two programs.
        None => Err(Blind::Gone { pid }),
    }
}

fn libraries(pid: i32, maps: &[Mapping], plans: &Plans) -> Vec<Loaded> {
    let mut libraries: Vec<Loaded> = Vec::new();
    for code in maps
        .iter()
        .filter(|mapping| mapping.executable && is_libc(&mapping.path))
    {
        let Some(plan) = maps::file_of(pid, code).and_then(|path| plans.of(&path)) else {
            continue;
        };
        // The mapping that starts where the plan's code does; the file may be mapped in several pieces.
        let base = code.start.wrapping_sub(code.offset).wrapping_add(plan.bias);
        let has_code =
            base.wrapping_add(plan.code.0) >= code.start && base.wrapping_add(plan.code.0) < code.end;
        let fits = libraries
            .iter()
            .map(|loaded| loaded.plan.sites.len())
            .sum::<usize>()
            + plan.sites.len()
            <= SITES_MAX;
        if has_code && fits && libraries.len() < MODULES_MAX {
            libraries.push(Loaded { base, plan });
        }
    }
    libraries
}

/// By the names that glibc and musl have: libc.so.6, libc-2.31.so, libpthread.so.0, ld-linux-x86-64.so.2, ld-musl-x86_64.so.1.
fn is_libc(path: &str) -> bool {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or("");
    [
        "libc.so",
        "libc-2.",
        "libpthread.so",
        "libpthread-2.",
        "ld-linux-x86-64.so",
        "ld-2.",
        "ld-musl-x86_64.so",
        "libc.musl-x86_64.so",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// glibc's loader, which is there before libc is; musl's is libc itself.
fn is_loader_alone(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or("");
    name.starts_with("ld-linux") || name.starts_with("ld-2.")
}

fn without_libc(pid: i32) -> Blind {
    let Some(file) = program(pid) else {
        return Blind::NoLibc { pid };
    };
    let Ok(elf) = object::File::parse(&*file) else {
        return Blind::NoLibc { pid };
    };
    if elf.architecture() != object::Architecture::X86_64 {
        return Blind::Machine { pid };
    }
    let is_go = elf.section_by_name(".go.buildinfo").is_some();
    match (is_go, has_interpreter(&file)) {
        (true, _) => Blind::Go { pid },
        (false, Some(false)) => Blind::Static { pid },
        _ => Blind::NoLibc { pid },
    }
}

/// A Go program that is linked with libc still makes its calls itself.
fn is_go(pid: i32) -> bool {
    let Some(file) = program(pid) else { return false };
    object::File::parse(&*file).is_ok_and(|elf| {
        elf.section_by_name(".go.buildinfo")
            .is_some_and(|section| section.size() > 0)
    })
}

fn program(pid: i32) -> Option<memmap::Mapped> {
    memmap::Mapped::open(&format!("/proc/{pid}/exe"), PROGRAM_BYTES_MAX)
}

fn has_interpreter(file: &[u8]) -> Option<bool> {
    use object::read::elf::ProgramHeader;
    let header = object::elf::FileHeader64::<object::Endianness>::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, file).ok()?;
    Some(
        headers
            .iter()
            .any(|header| header.p_type(endian) == object::elf::PT_INTERP),
    )
}

mod memmap {
    //! A program's file mapped, as some measure hundreds of megabytes.
    use std::fs::File;
    use std::ops::Deref;
    use std::os::fd::AsRawFd;

    pub struct Mapped {
        at: *mut libc::c_void,
        bytes: usize,
    }

    impl Mapped {
        pub fn open(path: &str, bytes_max: u64) -> Option<Self> {
            let file = File::open(path).ok()?;
            let bytes = file
                .metadata()
                .ok()
                .map(|found| found.len())
                .filter(|bytes| (1..=bytes_max).contains(bytes))? as usize;
            // SAFETY: a private mapping for reading; a running program's file cannot be written to.
            let at = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    bytes,
                    libc::PROT_READ,
                    libc::MAP_PRIVATE,
                    file.as_raw_fd(),
                    0,
                )
            };
            (at != libc::MAP_FAILED).then_some(Self { at, bytes })
        }
    }

    impl Deref for Mapped {
        type Target = [u8];

        fn deref(&self) -> &[u8] {
            // SAFETY: mapped in `open` with this length, until `drop`.
            unsafe { std::slice::from_raw_parts(self.at.cast(), self.bytes) }
        }
    }

    impl Drop for Mapped {
        fn drop(&mut self) {
            // SAFETY: mapped in `open` with this length; nothing borrows it any more.
            unsafe { libc::munmap(self.at, self.bytes) };
        }
    }
}
