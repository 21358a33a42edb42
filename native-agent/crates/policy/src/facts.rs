//! Facts of a process, and of the file it is about to run, asked for one by one.
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use norn_events::ImageFlag;
use norn_events::wire::policy::v1::HostField;
use norn_os::process::CLOCK_TICK_NS;

use crate::decide::Facts;
use crate::files::{FileVersion, Files};
use crate::known::Known;
use crate::proc::{self, ContainerOf};
use crate::rule::FLAG_NAMES;

const SETUID: u32 = 0o4000;
const WRITABLE: u32 = 0o022;

/// Where facts come from.
pub struct Sources {
    pub known: Known,
    pub files: Files,
    pub container_of: ContainerOf,
}

/// What a process runs, or is about to.
pub struct ProgramFacts<'a> {
    sources: &'a Sources,
    pid: u32,
    subject: Subject<'a>,
    answers: HashMap<HostField, Option<Vec<String>>>,
    /// Content was asked for and may not be read here.
    pub lacks_content: bool,
}

enum Subject<'a> {
    /// The file behind this descriptor is about to be run.
    Starting {
        fd: BorrowedFd<'a>,
        reads: Option<&'a dyn Fn() -> bool>,
    },
    Running,
}

impl<'a> ProgramFacts<'a> {
    /// Of an exec that waits. `reads`: content may be read, as long as it says so; `None` where nobody may wait for a disk.
    pub fn starting(
        sources: &'a Sources,
        pid: u32,
        fd: BorrowedFd<'a>,
        reads: Option<&'a dyn Fn() -> bool>,
    ) -> Self {
        Self::new(sources, pid, Subject::Starting { fd, reads })
    }

    pub fn running(sources: &'a Sources, pid: u32) -> Self {
        Self::new(sources, pid, Subject::Running)
    }

    fn new(sources: &'a Sources, pid: u32, subject: Subject<'a>) -> Self {
        Self {
            sources,
            pid,
            subject,
            answers: HashMap::new(),
            lacks_content: false,
        }
    }

    /// As rules call it; empty when there is none or it is not known.
    pub fn first(&mut self, field: HostField) -> String {
        self.values(field)
            .and_then(|values| values.into_iter().next())
            .unwrap_or_default()
    }

    fn ask(&mut self, field: HostField) -> Option<Vec<String>> {
        match field {
            HostField::Image => Some(vec![self.image()?]),
            HostField::ParentImage => Some(vec![match self.subject {
                Subject::Starting { .. } => proc::image(self.pid)?,
                Subject::Running => proc::image(proc::status(self.pid)?.parent)?,
            }]),
            HostField::AncestorImages => {
                let mut above = proc::images_above(self.pid)?;
                if let Subject::Starting { .. } = self.subject {
                    above.insert(0, proc::image(self.pid)?);
                }
                Some(above)
            }
            HostField::Sha256 => Some(vec![self.sha256()?]),
            HostField::Container => Some(vec![proc::container(self.pid, self.sources.container_of)?]),
            HostField::ContainerImage | HostField::PodNamespace | HostField::PodLabels => self.place(field),
            HostField::UserId => Some(vec![proc::status(self.pid)?.user.to_string()]),
            HostField::ImageFlags => self.flags(),
            HostField::DestinationIp
            | HostField::DestinationPort
            | HostField::Protocol
            | HostField::Unspecified => Some(Vec::new()),
        }
    }

    fn image(&self) -> Option<String> {
        match self.subject {
            // A runtime's copy of itself lies on a mount that is nowhere in the tree: it keeps its name.
            Subject::Starting { fd, .. } => match path_of(fd, self.pid)? {
                path if path == "/" => proc::image(self.pid),
                path => Some(path),
            },
            Subject::Running => proc::image(self.pid),
        }
    }

    fn place(&mut self, field: HostField) -> Option<Vec<String>> {
        let container = self.values(HostField::Container)?.pop()?;
        if container.is_empty() {
            return Some(Vec::new());
        }
        let place = self.sources.known.place(&container)?;
        Some(match field {
            HostField::PodNamespace => vec![place.pod_namespace],
            HostField::PodLabels => place.pod_labels,
            _ => vec![place.image],
        })
    }

    /// Of a program that runs already it is not known: its file may lie where a look at it waits for somebody.
    fn sha256(&mut self) -> Option<String> {
        let Subject::Starting { fd, reads } = self.subject else {
            return None;
        };
        let files = &self.sources.files;
        let sum = match reads {
            Some(reads) => files.sha256(fd, reads).ok(),
            None => files.known_sha256(FileVersion::from(&fstat(fd).ok()?)),
        };
        self.lacks_content |= sum.is_none();
        sum.map(|sum| sum.to_string())
    }

    fn flags(&mut self) -> Option<Vec<String>> {
        let Subject::Starting { fd, .. } = self.subject else {
            return None;
        };
        let image = self.values(HostField::Image)?.pop()?;
        let container = self.values(HostField::Container)?.pop()?;
        let stat = fstat(fd).ok()?;
        let changed_ns = (stat.st_ctime as u64).saturating_mul(1_000_000_000) + stat.st_ctime_nsec as u64;
        let is_new = changed_ns > self.new_since_ns(&container)?;
        let is_tmpfs = fstatfs(fd).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC);
        let bits = [
            (is_in_upper(self.pid, &image, &stat), ImageFlag::UpperLayer),
            (stat.st_nlink == 0, ImageFlag::Deleted),
            (is_tmpfs, ImageFlag::Tmpfs),
            (stat.st_mode & WRITABLE != 0, ImageFlag::Writable),
            (stat.st_mode & SETUID != 0, ImageFlag::Setuid),
            (is_new, ImageFlag::New),
        ];
        let set = bits
            .iter()
            .filter(|(holds, _)| *holds)
            .fold(0, |bits, (_, flag)| bits | *flag as u32);
        let names = FLAG_NAMES.iter().filter(|(bit, _)| set & bit != 0);
        Some(names.map(|&(_, name)| name.to_owned()).collect())
    }

    /// A container that nobody has told of began with this process at the latest.
    fn new_since_ns(&self, container: &str) -> Option<u64> {
        let known = &self.sources.known;
        if known.new_since_ns(container).is_none() {
            known.seen(container, proc::start_ticks(self.pid)? * CLOCK_TICK_NS);
        }
        known.new_since_ns(container)
    }
}

impl Facts for ProgramFacts<'_> {
    fn values(&mut self, field: HostField) -> Option<Vec<String>> {
        if let Some(known) = self.answers.get(&field) {
            return known.clone();
        }
        let answer = self.ask(field);
        self.answers.insert(field, answer.clone());
        answer
    }
}

/// A file of an overlay comes from the layer below, whose own top is the container's root.
pub fn path_of(fd: BorrowedFd<'_>, pid: u32) -> Option<String> {
    use std::os::fd::AsRawFd;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()?;
    let path = String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned();
    Some(proc::from_root(pid, proc::without_deletion(&path)))
}

/// The directory that takes the container's changes has this very file under this path.
fn is_in_upper(pid: u32, image: &str, stat: &FileStat) -> bool {
    let found = || {
        let upper = File::open(proc::upper_directory(pid)?).ok()?;
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .mode(Mode::empty())
            .resolve(
                ResolveFlag::RESOLVE_BENEATH
                    | ResolveFlag::RESOLVE_NO_SYMLINKS
                    | ResolveFlag::RESOLVE_NO_XDEV,
            );
        let file = openat2(upper.as_fd(), image.trim_start_matches('/'), how).ok()?;
        fstat(file).ok()
    };
    found().is_some_and(|upper| upper.st_ino == stat.st_ino)
}
