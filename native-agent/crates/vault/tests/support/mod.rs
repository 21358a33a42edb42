//! A stage for attacks: a place with files, a vault, and other processes whose calls are told as the sensor would.
#![allow(dead_code)]
use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use norn_events::wire::action::v1::Verdict;
use norn_events::{Event, EventKind, Observer, Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_vault::{RestoreReport, RestoreRequest, Vault, VaultObserver, VaultOptions};

pub const MIB: u64 = 1 << 20;
static SCENES: AtomicU32 = AtomicU32::new(0);

/// Where the files lie that are attacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Files of the image.
    Lower,
    /// Files born in the container.
    Upper,
    /// A protected directory of the host.
    Host,
    /// The same directory, bind-mounted elsewhere, as a container sees a volume.
    Bind,
}

pub const PLACES: [Place; 4] = [Place::Lower, Place::Upper, Place::Host, Place::Bind];

/// A file's whole state, to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub content: Vec<u8>,
    pub mode: u32,
    pub owner: (u32, u32),
    pub modified: (i64, i64),
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub links: u64,
}

pub type Manifest = BTreeMap<Vec<u8>, State>;

pub struct Scene {
    pub home: PathBuf,
    pub place: Place,
    pub vault: Option<Vault>,
    observer: Option<VaultObserver>,
    table: ProcessTable,
    root: ProcessUid,
    bytes_max: u64,
}

pub fn boot_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn mount(kind: &str, source: &Path, target: &Path, flags: libc::c_ulong, options: &str) {
    let (kind, options) = (CString::new(kind).unwrap(), CString::new(options).unwrap());
    let (source, target) = (c_path(source), c_path(target));
    // SAFETY: all strings outlive the call.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            options.as_ptr().cast(),
        )
    };
    assert_eq!(result, 0, "mount: {}", std::io::Error::last_os_error());
}

fn unmount(target: &Path) {
    // SAFETY: the string outlives the call.
    unsafe { libc::umount2(c_path(target).as_ptr(), libc::MNT_DETACH) };
}

impl Scene {
    /// The files are there before the vault opens (in `Upper`: made by another process after).
    pub fn new(place: Place, make: impl Fn(&Path)) -> Self {
        Self::with_room(place, 512 * MIB, make)
    }

    pub fn with_room(place: Place, bytes_max: u64, make: impl Fn(&Path)) -> Self {
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let home = PathBuf::from(format!(
            "/var/tmp/norn-vault-test-{}-{number}",
            std::process::id()
        ));
        for part in [
            "lower/data",
            "upper",
            "work",
            "merged",
            "host/data",
            "bind",
            "vault",
        ] {
            fs::create_dir_all(home.join(part)).unwrap();
        }
        match place {
            Place::Lower => make(&home.join("lower/data")),
            Place::Host | Place::Bind => make(&home.join("host/data")),
            Place::Upper => {}
        }
        let root = ProcessUid([1; 16]);
        let mut scene = Self {
            home,
            place,
            vault: None,
            observer: None,
            table: ProcessTable::default(),
            root,
            bytes_max,
        };
        scene.open_vault();
        scene.mount();
        let vault_pid = std::process::id();
        scene.table.insert(process(root, ProcessUid::UNKNOWN, vault_pid));
        if place == Place::Upper {
            let data = scene.data();
            scene.outsider(|_| make(&data));
        }
        scene.settle();
        scene
    }

    pub fn open_vault(&mut self) {
        let options = VaultOptions {
            dir: self.home.join("vault"),
            bytes_max: self.bytes_max,
            protected: vec![self.home.join("host")],
        };
        let vault = Vault::open(options).unwrap();
        self.observer = Some(vault.observer());
        self.vault = Some(vault);
    }

    pub fn close_vault(&mut self) {
        self.vault = None;
        self.observer = None;
    }

    pub fn mount(&self) {
        match self.place {
            Place::Lower | Place::Upper => {
                let part = |name: &str| self.home.join(name).display().to_string();
                let options = format!(
                    "lowerdir={},upperdir={},workdir={}",
                    part("lower"),
                    part("upper"),
                    part("work")
                );
                mount(
                    "overlay",
                    Path::new("overlay"),
                    &self.home.join("merged"),
                    0,
                    &options,
                );
            }
            Place::Bind => {
                mount(
                    "none",
                    &self.home.join("host"),
                    &self.home.join("bind"),
                    libc::MS_BIND,
                    "",
                );
            }
            Place::Host => {}
        }
        // The runtime mounts long before the first process starts.
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    pub fn unmount(&self) {
        unmount(&self.home.join("merged"));
        unmount(&self.home.join("bind"));
    }

    /// Where attackers find the files.
    pub fn data(&self) -> PathBuf {
        match self.place {
            Place::Lower | Place::Upper => self.home.join("merged/data"),
            Place::Host => self.home.join("host/data"),
            Place::Bind => self.home.join("bind/data"),
        }
    }

    pub fn vault(&self) -> &Vault {
        self.vault.as_ref().unwrap()
    }

    /// Lets everything that happened reach the journal, copies at rest included.
    pub fn settle(&self) {
        self.vault().settle();
        std::thread::sleep(std::time::Duration::from_millis(150));
        self.vault().settle();
    }

    /// Runs `work` in a process of its own and tells the vault what the sensor would; returns the process.
    pub fn attack(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        self.process_below(self.root, work)
    }

    /// The same, by a process that is not part of any attack.
    pub fn outsider(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        self.process_below(self.root, work)
    }

    pub fn process_below(&mut self, parent: ProcessUid, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        let report = self.home.join(format!("report-{}", boot_ns()));
        let start = boot_ns();
        // SAFETY: the child uses files only and ends by _exit; glibc makes malloc usable after fork.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let mut actor = Actor { told: Vec::new() };
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut actor)));
            drop(fs::write(&report, &actor.told));
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(i32::from(done.is_err())) };
        }
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..12].copy_from_slice(&(pid as u32).to_le_bytes());
        let uid = ProcessUid(bytes);
        let index = self.table.insert(Process {
            start_time_ns: start,
            ..process(uid, parent, pid as u32)
        });
        self.tell(index, EventKind::Fork, start, (b"", b"", 0));
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(status, 0, "the other process failed");
        let told = fs::read(&report).unwrap();
        fs::remove_file(&report).unwrap();
        for event in Told::parse(&told) {
            self.tell(
                index,
                event.kind,
                event.time,
                (&event.path, &event.target, event.flags),
            );
        }
        self.vault.as_ref().inspect(|vault| vault.settle());
        let end = boot_ns();
        self.tell(index, EventKind::Exit, end, (b"", b"", 0));
        self.table.end(index, end);
        uid
    }

    fn tell(
        &mut self,
        process: ProcessIndex,
        kind: EventKind,
        time_ns: u64,
        (path, target, flags): (&[u8], &[u8], u32),
    ) {
        let event = Event {
            kind,
            time_ns,
            process,
            flags,
            value: 0,
            result: 0,
            path,
            target,
        };
        if let Some(observer) = &mut self.observer {
            observer.observe(&event, &self.table);
        }
    }

    pub fn restore(&self, scope: ProcessUid) -> RestoreReport {
        self.vault().restore(&RestoreRequest {
            scopes: vec![scope],
            ..RestoreRequest::default()
        })
    }

    pub fn manifest(&self) -> Manifest {
        let mut found = Manifest::new();
        collect(&self.data(), &self.data(), &mut found);
        found
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.close_vault();
        self.unmount();
        drop(fs::remove_dir_all(&self.home));
    }
}

fn process(uid: ProcessUid, parent_uid: ProcessUid, pid: u32) -> Process {
    Process {
        uid,
        parent_uid,
        pid,
        namespace_pid: pid,
        parent_pid: 0,
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 0,
        image: Default::default(),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
    }
}

fn collect(top: &Path, path: &Path, found: &mut Manifest) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let stat = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
        if stat.is_dir() {
            found.insert(
                [&name[..], b"/"].concat(),
                State {
                    modified: (0, 0),
                    links: 0,
                    ..state(&path, &stat)
                },
            );
            collect(top, &path, found);
        } else {
            found.insert(name, state(&path, &stat));
        }
    }
}

fn state(path: &Path, stat: &fs::Metadata) -> State {
    let content = if stat.is_symlink() {
        fs::read_link(path).unwrap().into_os_string().into_vec()
    } else if stat.is_file() {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    let link = stat.is_symlink();
    State {
        content,
        mode: stat.mode(),
        owner: (stat.uid(), stat.gid()),
        modified: if link {
            (0, 0)
        } else {
            (stat.mtime(), stat.mtime_nsec())
        },
        attributes: attributes(path),
        links: stat.nlink(),
    }
}

fn attributes(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (path, mut names) = (c_path(path), vec![0_u8; 4096]);
    // SAFETY: the buffer is as long as said.
    let count = unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(count.max(0) as usize);
    let mut found = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let (key, mut value) = (CString::new(name).unwrap(), vec![0_u8; 4096]);
        // SAFETY: the buffer is as long as said.
        let count = unsafe {
            libc::lgetxattr(
                path.as_ptr(),
                key.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        value.truncate(count.max(0) as usize);
        found.push((name.to_vec(), value));
    }
    found.sort();
    found
}

pub fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    let (path, name) = (c_path(path), CString::new(name).unwrap());
    // SAFETY: all pointers outlive the call and the length is that of `value`.
    let result = unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    assert_eq!(
        result,
        0,
        "setxattr {name:?}: {}",
        std::io::Error::last_os_error()
    );
}

/// What another process does; each call that changes names is told as the sensor would tell it.
pub struct Actor {
    told: Vec<u8>,
}

struct Told {
    kind: EventKind,
    time: u64,
    flags: u32,
    path: Vec<u8>,
    target: Vec<u8>,
}

impl Told {
    fn parse(mut bytes: &[u8]) -> Vec<Self> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let mut number = [0; 8];
            let mut next = |bytes: &mut &[u8]| {
                bytes.read_exact(&mut number).unwrap();
                u64::from_le_bytes(number)
            };
            let kind = EventKind::try_from(next(&mut bytes) as i32).unwrap();
            let (time, flags) = (next(&mut bytes), next(&mut bytes) as u32);
            let mut string = |bytes: &mut &[u8]| {
                let mut string = vec![0; next(bytes) as usize];
                bytes.read_exact(&mut string).unwrap();
                string
            };
            let (path, target) = (string(&mut bytes), string(&mut bytes));
            found.push(Self {
                kind,
                time,
                flags,
                path,
                target,
            });
        }
        found
    }
}

impl Actor {
    fn tell(&mut self, kind: EventKind, flags: u32, path: &Path, target: &Path) {
        for number in [kind as u64, boot_ns(), flags.into()] {
            self.told.extend(number.to_le_bytes());
        }
        for path in [path, target] {
            self.told.extend((path.as_os_str().len() as u64).to_le_bytes());
            self.told.extend(path.as_os_str().as_bytes());
        }
    }

    pub fn rename(&mut self, from: &Path, to: &Path) {
        fs::rename(from, to).unwrap();
        self.tell(EventKind::FileRename, 0, from, to);
    }

    pub fn exchange(&mut self, from: &Path, to: &Path) {
        let (a, b) = (c_path(from), c_path(to));
        let (here, flags) = (libc::AT_FDCWD, libc::RENAME_EXCHANGE);
        // SAFETY: both strings outlive the call.
        assert_eq!(
            unsafe { libc::renameat2(here, a.as_ptr(), here, b.as_ptr(), flags) },
            0
        );
        self.tell(EventKind::FileRename, flags, from, to);
    }

    pub fn unlink(&mut self, path: &Path) {
        fs::remove_file(path).unwrap();
        self.tell(EventKind::FileUnlink, 0, path, Path::new(""));
    }

    pub fn rmdir(&mut self, path: &Path) {
        fs::remove_dir(path).unwrap();
        self.tell(EventKind::FileUnlink, 1, path, Path::new(""));
    }

    pub fn mkdir(&mut self, path: &Path) {
        fs::create_dir(path).unwrap();
        self.tell(EventKind::FileMkdir, 0, path, Path::new(""));
    }

    pub fn link(&mut self, from: &Path, to: &Path) {
        fs::hard_link(from, to).unwrap();
        self.tell(EventKind::FileLink, 0, to, from);
    }

    pub fn symlink(&mut self, target: &Path, path: &Path) {
        std::os::unix::fs::symlink(target, path).unwrap();
        self.tell(EventKind::FileLink, 1, path, target);
    }

    pub fn chmod(&mut self, path: &Path, mode: u32) {
        // SAFETY: the string outlives the call.
        assert_eq!(unsafe { libc::chmod(c_path(path).as_ptr(), mode) }, 0);
        self.tell(EventKind::FileChmod, 0, path, Path::new(""));
    }

    pub fn chown(&mut self, path: &Path, uid: u32, gid: u32) {
        // SAFETY: the string outlives the call.
        assert_eq!(unsafe { libc::chown(c_path(path).as_ptr(), uid, gid) }, 0);
        self.tell(EventKind::FileChown, 0, path, Path::new(""));
    }

    pub fn truncate(&mut self, path: &Path, size: i64) {
        // SAFETY: the string outlives the call.
        assert_eq!(unsafe { libc::truncate(c_path(path).as_ptr(), size) }, 0);
        self.tell(EventKind::FileTruncate, 0, path, Path::new(""));
    }

    /// Overwrites from the start, keeping the size.
    pub fn encrypt(&mut self, path: &Path) {
        let mut file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all(&cipher(&content)).unwrap();
    }
}

/// Not a cipher, but as random.
pub fn cipher(content: &[u8]) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ content.len() as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    content.iter().map(|byte| byte ^ next()).collect()
}

pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Text files of many sizes with modes, old times and an attribute.
pub fn corpus(count: usize) -> impl Fn(&Path) {
    move |dir: &Path| {
        for number in 0..count {
            let sub = dir.join(format!("d{}", number % 5));
            fs::create_dir_all(&sub).unwrap();
            let path = sub.join(format!("file-{number}.txt"));
            let words = format!("line {number} of the saga of the well\n");
            fs::write(&path, words.repeat(1 + (number * 37) % 400)).unwrap();
            if number % 7 == 0 {
                set_attribute(&path, "user.origin", b"the well");
            }
            set_mode_and_time(
                &path,
                if number % 3 == 0 { 0o600 } else { 0o644 },
                1_600_000_000 + number as i64,
            );
        }
    }
}

pub fn set_mode_and_time(path: &Path, mode: u32, seconds: i64) {
    let path = c_path(path);
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: 123_456_789,
    };
    // SAFETY: the string and the times outlive the calls.
    unsafe {
        assert_eq!(libc::chmod(path.as_ptr(), mode), 0);
        assert_eq!(
            libc::utimensat(libc::AT_FDCWD, path.as_ptr(), [time, time].as_ptr(), 0),
            0
        );
    }
}

pub fn files(manifest: &Manifest, data: &Path) -> Vec<PathBuf> {
    let regular = |(name, state): (&Vec<u8>, &State)| {
        (state.mode & libc::S_IFMT == libc::S_IFREG).then(|| data.join(OsString::from_vec(name.clone())))
    };
    manifest.iter().filter_map(regular).collect()
}

/// What differs, for a message one can read.
pub fn difference(before: &Manifest, after: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    for name in before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)))
    {
        let (then, now) = (before.get(name), after.get(name));
        if then != now {
            let brief = |state: Option<&State>| {
                state.map_or("absent".to_owned(), |state| {
                    let State {
                        mode,
                        owner,
                        modified,
                        links,
                        ..
                    } = state;
                    let size = state.content.len();
                    let names: Vec<_> = state
                        .attributes
                        .iter()
                        .map(|(name, _)| String::from_utf8_lossy(name))
                        .collect();
                    format!("{size} bytes, {mode:o}, {owner:?}, {modified:?}, {links} links, {names:?}")
                })
            };
            let name = String::from_utf8_lossy(name);
            found.push(format!("{name}: was {}, is {}", brief(then), brief(now)));
        }
    }
    found
}

#[track_caller]
pub fn assert_same(scene: &Scene, before: &Manifest, report: &RestoreReport) {
    let found = difference(before, &scene.manifest());
    let bad: Vec<_> = report
        .files
        .iter()
        .filter(|file| file.verdict == Verdict::Lost as i32 || file.verdict == Verdict::Conflict as i32)
        .map(|file| (String::from_utf8_lossy(&file.path), &file.reason))
        .take(5)
        .collect();
    assert!(
        found.is_empty(),
        "{:?}: {} differ: {:#?} {bad:?}",
        scene.place,
        found.len(),
        &found[..found.len().min(5)]
    );
}
