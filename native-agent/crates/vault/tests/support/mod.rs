//! A stage for attacks: a place with files, a vault, and other processes whose calls are told as the sensor would.
#![allow(dead_code, unused_imports)]
mod actor;
mod child;
mod corpus;
mod manifest;

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_events::{Event, EventKind, Observer, Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_vault::{RestoreReport, RestoreRequest, Vault, VaultObserver, VaultOptions};

use actor::Told;
pub use actor::{Actor, cipher, exchange, with_suffix};
pub use child::{Child, eventually, fork, race};
pub use corpus::{corpus, large_files, set_attribute, set_mode_and_time};
pub use manifest::{Manifest, State, difference, files, manifest_of};

pub const MIB: u64 = 1 << 20;
static SCENES: AtomicU32 = AtomicU32::new(0);
/// A vault never looks at its own process: two in one would miss each other's files, and each fork holds the other's groups.
static ALONE: Mutex<()> = Mutex::new(());

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

pub struct Scene {
    pub home: PathBuf,
    pub place: Place,
    pub vault: Option<Vault>,
    observer: Option<VaultObserver>,
    table: ProcessTable,
    root: ProcessUid,
    bytes_max: u64,
    protected: PathBuf,
    _alone: MutexGuard<'static, ()>,
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

/// `what` is the kind of file system and its source.
fn mount(what: (&str, &Path), target: &Path, flags: libc::c_ulong, options: &str) {
    let (kind, options) = (CString::new(what.0).unwrap(), CString::new(options).unwrap());
    let (source, target) = (c_path(what.1), c_path(target));
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
        let mut scene = Self::empty(place, bytes_max);
        if place != Place::Upper {
            make(&scene.origin());
        }
        scene.open_vault();
        scene.mount();
        if place == Place::Upper {
            let data = scene.data();
            scene.outsider(|_| make(&data));
        }
        scene.settle();
        scene
    }

    /// The layers of the container lie below the protected directory.
    pub fn around_layers(place: Place, make: impl Fn(&Path)) -> Self {
        let mut scene = Self::empty(place, 512 * MIB);
        make(&scene.origin());
        scene.protected.clone_from(&scene.home);
        scene.open_vault();
        scene.mount();
        scene.settle();
        scene
    }

    /// Everything is there and mounted, but no vault.
    pub fn without_vault(place: Place, make: impl Fn(&Path)) -> Self {
        let scene = Self::empty(place, 512 * MIB);
        if place == Place::Upper {
            scene.mount();
            make(&scene.data());
        } else {
            make(&scene.origin());
            scene.mount();
        }
        scene
    }

    fn empty(place: Place, bytes_max: u64) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let own = std::process::id();
        let home = PathBuf::from(format!("/var/tmp/norn-vault-test-{own}-{number}"));
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
        let root = ProcessUid([1; 16]);
        let mut table = ProcessTable::default();
        table.insert(process(root, ProcessUid::UNKNOWN, own));
        Self {
            home: home.clone(),
            place,
            vault: None,
            observer: None,
            table,
            root,
            bytes_max,
            protected: home.join("host"),
            _alone: alone,
        }
    }

    /// Where the files are made that are there before the vault.
    fn origin(&self) -> PathBuf {
        match self.place {
            Place::Lower | Place::Upper => self.home.join("lower/data"),
            Place::Host | Place::Bind => self.home.join("host/data"),
        }
    }

    pub fn open_vault(&mut self) {
        let options = VaultOptions {
            dir: self.home.join("vault"),
            bytes_max: self.bytes_max,
            protected: vec![self.protected.clone()],
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
                let overlay = ("overlay", Path::new("overlay"));
                mount(overlay, &self.home.join("merged"), 0, &options);
            }
            Place::Bind => {
                let host = ("none", &*self.home.join("host"));
                mount(host, &self.home.join("bind"), libc::MS_BIND, "");
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

    /// Until the vault has noticed that the container's file system is gone.
    pub fn wait_for_unmount(&self) {
        std::thread::sleep(std::time::Duration::from_millis(50));
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
        let (uid, index) = self.run(parent, work);
        self.vault.as_ref().inspect(|vault| vault.settle());
        self.end(index);
        uid
    }

    /// For a vault that is kept busy longer than a test should wait.
    pub fn attack_without_settling(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        let (uid, index) = self.run(self.root, work);
        self.end(index);
        uid
    }

    fn end(&mut self, index: ProcessIndex) {
        let end = boot_ns();
        self.tell(index, (EventKind::Exit, end), (b"", b"", 0));
        self.table.end(index, end);
    }

    fn run(&mut self, parent: ProcessUid, work: impl FnOnce(&mut Actor)) -> (ProcessUid, ProcessIndex) {
        let report = self.home.join(format!("report-{}", boot_ns()));
        let start = boot_ns();
        let child = fork(|| {
            let mut actor = Actor::default();
            work(&mut actor);
            fs::write(&report, &actor.told).unwrap();
        });
        let pid = child.0;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..12].copy_from_slice(&(pid as u32).to_le_bytes());
        let uid = ProcessUid(bytes);
        let index = self.table.insert(Process {
            start_time_ns: start,
            ..process(uid, parent, pid as u32)
        });
        self.tell(index, (EventKind::Fork, start), (b"", b"", 0));
        assert!(child.ended_well(), "the other process failed");
        let told = fs::read(&report).unwrap();
        fs::remove_file(&report).unwrap();
        for event in Told::parse(&told) {
            let names = (&event.path[..], &event.target[..], event.flags);
            self.tell(index, (event.kind, event.time), names);
        }
        (uid, index)
    }

    fn tell(
        &mut self,
        process: ProcessIndex,
        (kind, time_ns): (EventKind, u64),
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
        manifest_of(&self.data())
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

/// What a restore says it did not put back, with its reason.
pub fn refused(report: &RestoreReport) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for FileVerdict {
        path,
        reason,
        verdict,
        ..
    } in &report.files
    {
        if [Verdict::Lost as i32, Verdict::Conflict as i32].contains(verdict) {
            found.push((String::from_utf8_lossy(path).into_owned(), reason.as_str()));
        }
    }
    found
}

#[track_caller]
pub fn assert_same(scene: &Scene, before: &Manifest, report: &RestoreReport) {
    let found = difference(before, &scene.manifest());
    let few: Vec<_> = found.iter().take(5).collect();
    let refused = refused(report);
    let refused: Vec<_> = refused.iter().take(5).collect();
    assert!(
        found.is_empty(),
        "{:?}: {} differ: {few:#?} {refused:?}",
        scene.place,
        found.len(),
    );
}

/// The same, but for files whose pre-image a busy machine let come too late: each of these must be said to be lost, and
/// why, and there can be no more of them than opens that were let go. Returns how many.
#[track_caller]
pub fn assert_same_or_late(scene: &Scene, before: &Manifest, report: &RestoreReport) -> usize {
    let late = assert_same_but_late(scene, before, report);
    let timeouts = scene.vault().health().permission_timeouts;
    assert!(late as u64 <= timeouts, "{late} late, {timeouts} let go");
    late
}

#[track_caller]
pub fn assert_same_but_late(scene: &Scene, before: &Manifest, report: &RestoreReport) -> usize {
    let is_late =
        |file: &&FileVerdict| file.verdict == Verdict::Lost as i32 && file.reason.starts_with("deadline");
    let late: Vec<_> = report.files.iter().filter(is_late).collect();
    let mut silent = difference(before, &scene.manifest());
    silent.retain(|line| {
        let name = line.split(": was ").next().unwrap_or(line);
        !late
            .iter()
            .any(|file| String::from_utf8_lossy(&file.path).ends_with(name))
    });
    let few: Vec<_> = silent.iter().take(5).collect();
    let refused = refused(report);
    let refused: Vec<_> = refused.iter().take(5).collect();
    assert!(
        silent.is_empty(),
        "{:?}: {} differ: {few:#?} {refused:?}",
        scene.place,
        silent.len()
    );
    late.len()
}
