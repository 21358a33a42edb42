//! Where a program comes from: owned by a package, and still what the package put there. Asked only when
//! something already stands against a process, so it reads the package database then and keeps the answer.
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use norn_events::Process;
use norn_packages::{HostPackages, Ownership};

use crate::lineage::may_be_packaged;

/// Answers where a process's image comes from.
pub trait Provenance {
    /// Owned by a package of the process's own root file system, and unchanged since.
    fn is_package_owned(&mut self, process: &Process) -> bool;

    /// In no package of that root, or not as the package put it there. `beside` finds a process that still runs in the same
    /// container, for when this one has ended; false when nobody is left to ask.
    fn is_unpackaged(&mut self, process: &Process, beside: &dyn Fn() -> Option<u32>) -> bool;

    /// The program's file was put there, or changed, within the last day. False when it can't be found any more.
    fn is_new(&mut self, process: &Process) -> bool;

    /// New, and none of its root's packages brought it or what it holds. False where no package can be asked about, or its file is
    /// too large to be compared.
    fn came_past_packages(&mut self, process: &Process) -> bool;

    /// As large as a runtime with a compiler in it, or owned by a package. True when the process is gone: nobody can tell.
    fn is_whole_runtime(&mut self, process: &Process) -> bool;

    /// Runs from a memfd that nobody can write any more (`F_SEAL_WRITE`). False when the process is gone.
    fn is_sealed_copy(&mut self, process: &Process) -> bool;

    /// It has read about as much as one hashes in the CPU time that it took. False when the process is gone.
    fn reads_as_it_hashes(&mut self, process: &Process) -> bool;
}

/// The package databases, of the host or of the container's own root.
#[derive(Debug)]
pub struct Packages {
    known: HashMap<(u64, u64), Ownership>,
    host: HostPackages,
}

impl Default for Packages {
    fn default() -> Self {
        let host = HostPackages::shared();
        host.read_beside();
        let known = HashMap::new();
        Self { known, host }
    }
}

impl Packages {
    /// A program is new for this long after its file changed, s.
    const NEW_S: u64 = 86_400;
    /// Runtimes in one file (node, deno, bun, dotnet's bundles, browsers) are larger, bytes.
    const RUNTIME_BYTES_MIN: u64 = 16 << 20;
    /// Answers kept, by device and inode; the cache starts anew beyond.
    const KNOWN_MAX: usize = 4_096;
    /// What the slowest of common hashes, by plain code, takes in a second, and a miner does not read in hours; bytes.
    const HASHED_BYTES_MIN: u64 = 32 << 20;

    /// `None`: the process is gone, and nobody can tell.
    fn owned(&mut self, process: &Process, beside: &dyn Fn() -> Option<u32>) -> Option<Ownership> {
        let key = (process.image.device, process.image.inode);
        if let Some(&answer) = self.known.get(&key).filter(|_| key.1 != 0) {
            return Some(answer);
        }
        // Whoever starts one short-lived tool after another is asked about when they have ended: no root, no answer to keep.
        let root = root_of(process, beside)?;
        let answer = Ownership::of(&self.host, &root, &process.image.path);
        if self.known.len() >= Self::KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key, answer);
        Some(answer)
    }
}

impl Provenance for Packages {
    fn is_package_owned(&mut self, process: &Process) -> bool {
        may_be_packaged(process) && self.owned(process, &|| None) == Some(Ownership::Unchanged)
    }

    fn is_unpackaged(&mut self, process: &Process, beside: &dyn Fn() -> Option<u32>) -> bool {
        let is_other = |owned| owned != Ownership::Unchanged;
        !may_be_packaged(process) || self.owned(process, beside).is_some_and(is_other)
    }

    fn is_new(&mut self, process: &Process) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = image_of(process).map(|image| image.ctime());
        changed.is_some_and(|changed| now.as_secs().saturating_sub(changed as u64) < Self::NEW_S)
    }

    fn came_past_packages(&mut self, process: &Process) -> bool {
        self.is_new(process) && self.owned(process, &|| None) == Some(Ownership::Other)
    }

    fn is_whole_runtime(&mut self, process: &Process) -> bool {
        let size = fs::metadata(format!("/proc/{}/exe", process.pid)).map(|image| image.len());
        size.map_or(true, |size| size >= Self::RUNTIME_BYTES_MIN) || self.is_package_owned(process)
    }

    fn is_sealed_copy(&mut self, process: &Process) -> bool {
        let Ok(image) = File::open(format!("/proc/{}/exe", process.pid)) else {
            return false;
        };
        let seals = fcntl(&image, FcntlArg::F_GET_SEALS).unwrap_or(0);
        SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_WRITE)
    }

    fn reads_as_it_hashes(&mut self, process: &Process) -> bool {
        let of = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", process.pid));
        let read = of("io").ok().and_then(|io| bytes_read(&io));
        let computed = of("stat").ok().and_then(|stat| ticks(&stat));
        let (Some(read), Some(computed)) = (read, computed) else {
            return false;
        };
        read.saturating_mul(TICKS_PER_SECOND) >= computed.saturating_mul(Self::HASHED_BYTES_MIN)
    }
}

/// USER_HZ, on every machine that Linux runs on here.
const TICKS_PER_SECOND: u64 = 100;

/// "rchar: 4096": by read(2) and its like, also what was in memory already.
fn bytes_read(io: &str) -> Option<u64> {
    io.lines()
        .find_map(|line| line.strip_prefix("rchar: "))?
        .parse()
        .ok()
}

/// In user mode, the 14th field: behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(11)?.parse().ok()
}

/// Where a process's image path begins: its own root while it lives, then that of its parent, or of one beside it, if it holds
/// the same file.
fn root_of(process: &Process, beside: &dyn Fn() -> Option<u32>) -> Option<PathBuf> {
    let root = |pid: u32| PathBuf::from(format!("/proc/{pid}/root"));
    if fs::metadata(format!("/proc/{}/exe", process.pid)).is_ok() {
        return Some(root(process.pid));
    }
    let holds_it = |root: &PathBuf| is_image(&below(root, &process.image.path), process);
    let parents = Some(root(process.parent_pid)).filter(holds_it);
    parents.or_else(|| beside().map(root).filter(holds_it))
}

/// Its program's file. Four hundred files are deleted in ten milliseconds: who did it has often ended when it is asked about.
fn image_of(process: &Process) -> Option<fs::Metadata> {
    let running = fs::metadata(format!("/proc/{}/exe", process.pid)).ok();
    running.or_else(|| {
        let root = root_of(process, &|| None)?;
        fs::metadata(below(&root, &process.image.path)).ok()
    })
}

/// By inode: the device that the kernel names is not always the one that stat tells (overlay, btrfs).
fn is_image(file: &Path, process: &Process) -> bool {
    let inode = process.image.inode;
    fs::metadata(file).is_ok_and(|found| inode == 0 || found.ino() == inode)
}

fn below(root: &Path, path: &[u8]) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(
        path.strip_prefix(b"/").unwrap_or(path),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};

    struct Root(PathBuf);

    impl Drop for Root {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn root_with_gzip(name: &str, content: &[u8]) -> Root {
        let root = std::env::temp_dir().join(format!("norn-provenance-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/gzip"), content).unwrap();
        // md5 of "gzip, unchanged".
        let sum = checksum_of(b"gzip, unchanged");
        fs::write(
            root.join("var/lib/dpkg/info/gzip.md5sums"),
            format!("{sum}  bin/gzip\n"),
        )
        .unwrap();
        Root(root)
    }

    fn checksum_of(content: &[u8]) -> String {
        Md5::digest(content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    #[test]
    fn a_file_that_is_what_its_package_put_there_is_unchanged() {
        let root = root_with_gzip("same", b"gzip, unchanged");
        assert_eq!(
            Ownership::of(&HostPackages::default(), &root.0, b"/usr/bin/gzip"),
            Ownership::Unchanged
        );
    }

    fn ended(parent_pid: u32, path: &Path) -> Process {
        Process {
            image: std::sync::Arc::new(norn_events::Image {
                path: path.as_os_str().as_bytes().to_vec(),
                inode: fs::metadata(path).unwrap().ino(),
                ..Default::default()
            }),
            uid: norn_events::ProcessUid::UNKNOWN,
            parent_uid: norn_events::ProcessUid::UNKNOWN,
            pid: u32::MAX,
            namespace_pid: u32::MAX,
            parent_pid,
            start_time_ns: 0,
            end_time_ns: None,
            image_number: 1,
            container: None,
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: Default::default(),
        }
    }

    #[test]
    fn a_program_that_has_ended_is_as_new_as_its_file_and_unknown_when_that_went_too() {
        let root = root_with_gzip("ended", b"a program");
        let path = root.0.join("usr/bin/gzip");
        let own = std::process::id();
        let (program, orphan) = (ended(own, &path), ended(u32::MAX, &path));
        assert!(Packages::default().is_new(&program));
        assert!(
            !Packages::default().is_new(&orphan),
            "nobody is left whose root it was in"
        );
        fs::remove_file(&path).unwrap();
        fs::write(root.0.join("another"), "").unwrap();
        assert!(!Packages::default().is_new(&program));
    }

    #[test]
    fn a_new_program_of_no_package_came_past_them_where_they_can_be_asked() {
        let root = root_with_gzip("past", b"a program");
        let path = root.0.join("usr/bin/gzip");
        let is_told = norn_packages::look_up(Path::new("/"), path.as_os_str().as_bytes()).is_ok();
        let program = ended(std::process::id(), &path);
        assert_eq!(Packages::default().came_past_packages(&program), is_told);
        let packaged = ended(std::process::id(), &fs::canonicalize("/bin/cat").unwrap());
        assert!(!Packages::default().came_past_packages(&packaged));
    }

    #[test]
    fn a_process_that_has_ended_is_judged_by_its_parents_root() {
        let own = std::process::id();
        let path = std::env::current_exe().unwrap();
        let parents = PathBuf::from(format!("/proc/{own}/root"));
        assert_eq!(root_of(&ended(own, &path), &|| None), Some(parents));
        assert_eq!(root_of(&ended(u32::MAX, &path), &|| None), None);
    }

    #[test]
    fn what_a_process_read_and_computed_is_told_by_the_kernel() {
        assert_eq!(bytes_read("rchar: 8192\nwchar: 1\nread_bytes: 0\n"), Some(8192));
        assert_eq!(
            ticks("7 (a) b (c) R 1 7 7 0 -1 0 2 0 0 0 123 45 0 0 20"),
            Some(123)
        );
        let own = std::process::id();
        assert!(bytes_read(&fs::read_to_string(format!("/proc/{own}/io")).unwrap()).is_some());
        assert!(ticks(&fs::read_to_string(format!("/proc/{own}/stat")).unwrap()).is_some());
    }

    #[test]
    fn a_file_somebody_replaced_is_not() {
        let root = root_with_gzip("other", b"something else");
        assert_eq!(
            Ownership::of(&HostPackages::default(), &root.0, b"/usr/bin/gzip"),
            Ownership::Other
        );
    }

    #[test]
    fn a_file_no_package_lists_is_not() {
        let root = root_with_gzip("none", b"gzip, unchanged");
        assert_eq!(
            Ownership::of(&HostPackages::default(), &root.0, b"/usr/bin/other"),
            Ownership::Other
        );
    }
}
