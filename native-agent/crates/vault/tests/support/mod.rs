//! A stage for attacks: a place with files, a vault, and other processes whose calls are told as the sensor would.
#![allow(dead_code, unused_imports)]
mod actor;
mod child;
mod container;
mod corpus;
mod manifest;
pub mod racers;
mod verdicts;
pub mod ways;

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use norn_events::{Event, EventKind, Observer, Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_vault::{OPEN_WAITS, RestoreReport, RestoreRequest, Vault, VaultObserver, VaultOptions};

use actor::Told;
pub use actor::{Actor, cipher, exchange, with_suffix};
pub use child::{Child, eventually, fork, race};
pub use container::{Container, bind, mount_overlay, mount_tmpfs};
pub use corpus::{corpus, large_files, set_attribute, set_mode_and_time};
pub use manifest::{Manifest, State, difference, files, manifest_of};
pub use verdicts::{
    assert_restored, assert_same, assert_same_but_late, assert_same_contents, assert_same_or_late, refused,
};

pub const MIB: u64 = 1 << 20;
static SCENES: AtomicU32 = AtomicU32::new(0);
/// A vault never looks at its own process: two in one would miss each other's files, and each fork holds the other's groups.
static ALONE: Mutex<()> = Mutex::new(());
/// What is a host to a vault: all processes that it finds. `tests/own-host.sh` gives each run of tests one of its own.
fn host() -> fs::File {
    fs::File::open("/proc/self/ns/pid").unwrap()
}

/// How long an open waits in tests that are not about that: also on a busy machine its pre-image comes within this.
const PATIENT: Duration = Duration::from_secs(5);
static AS_SHIPPED: AtomicBool = AtomicBool::new(false);

/// From now on opens wait as they do on hosts: for tests of pre-images that are late, and for figures.
pub fn wait_as_shipped() {
    AS_SHIPPED.store(true, Ordering::Relaxed);
}

fn open_waits() -> Duration {
    match AS_SHIPPED.load(Ordering::Relaxed) {
        true => OPEN_WAITS,
        false => PATIENT,
    }
}

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
    /// A directory of the host that nobody protects, mounted into a container, as a volume is.
    Volume,
}

pub const PLACES: [Place; 5] = [
    Place::Lower,
    Place::Upper,
    Place::Host,
    Place::Bind,
    Place::Volume,
];
/// The container of `Place::Volume`.
pub const CONTAINER: &str = "5ce4e";

pub struct Scene {
    pub home: PathBuf,
    pub place: Place,
    pub vault: Option<Vault>,
    observer: Option<VaultObserver>,
    table: ProcessTable,
    root: ProcessUid,
    /// The parent of those that come: the container's first process, or `root`.
    init: ProcessUid,
    bytes_max: u64,
    protected: PathBuf,
    container: Option<Container>,
    /// What else is mounted into it: of the host, and the name in the container.
    others: Vec<(PathBuf, PathBuf)>,
    /// `home` is a file system of its own.
    is_mounted: bool,
    _alone_on_host: fs::File,
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

/// The kernel has a mark of this directory in each of the vault's three groups.
pub fn is_watched(directory: &Path) -> bool {
    let inode = fs::metadata(directory).unwrap().ino();
    let mark = format!("fanotify ino:{inode:x} ");
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    texts.filter(|text| text.contains(&mark)).count() >= 3
}

/// Until it is unmounted, nothing below `target` can be written.
pub fn bind_read_only(target: &Path) {
    mount(("none", target), target, libc::MS_BIND, "");
    mount(
        ("none", target),
        target,
        libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY,
        "",
    );
}

/// A file system of this kind in a file that has no name any more.
fn mount_new(kind: &str, bytes: u64, at: &Path) {
    if kind == "tmpfs" {
        return mount((kind, Path::new(kind)), at, 0, &format!("size={bytes}"));
    }
    let image = at.with_extension("image");
    fs::File::create(&image).unwrap().set_len(bytes).unwrap();
    let run = |program: &str, arguments: &[&std::ffi::OsStr]| {
        let done = std::process::Command::new(program).args(arguments).output();
        let done = done.unwrap_or_else(|error| panic!("{program} can't be started ({error}): install it"));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program}: {said}");
    };
    run(&format!("mkfs.{kind}"), &["-q".as_ref(), image.as_os_str()]);
    run(
        "mount",
        &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), at.as_os_str()],
    );
    fs::remove_file(image).unwrap();
}

pub fn unmount(target: &Path) {
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

    /// The protected directory is a small file system of its own.
    pub fn on_small_file_system(bytes: u64, make: impl Fn(&Path)) -> Self {
        let mut scene = Self::empty(Place::Host, 512 * MIB);
        let host = scene.home.join("host");
        mount_new("ext4", bytes, &host);
        fs::create_dir_all(host.join("data")).unwrap();
        make(&scene.origin());
        scene.open_vault();
        scene.settle();
        scene
    }

    /// All of it on a file system of this kind, and no vault yet.
    pub fn on_without_vault(kind: &str, place: Place, make: impl Fn(&Path)) -> Self {
        let mut scene = Self::empty_on(place, 512 * MIB, |home| mount_new(kind, 2048 * MIB, home));
        scene.is_mounted = true;
        scene.fill_unseen(make);
        scene
    }

    /// The vault too.
    pub fn on(kind: &str, place: Place, make: impl Fn(&Path)) -> Self {
        let mut scene = Self::on_without_vault(kind, place, make);
        scene.open_vault();
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
        let mut scene = Self::empty(place, 512 * MIB);
        scene.fill_unseen(make);
        scene
    }

    fn fill_unseen(&mut self, make: impl Fn(&Path)) {
        if self.place == Place::Upper {
            self.mount();
            make(&self.data());
        } else {
            make(&self.origin());
            self.mount();
        }
    }

    fn empty(place: Place, bytes_max: u64) -> Self {
        Self::empty_on(place, bytes_max, |_| {})
    }

    fn empty_on(place: Place, bytes_max: u64, prepare: impl Fn(&Path)) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // Two on one host learn each other's containers, and each waits for the other's answer whenever it copies a file of them.
        let alone_on_host = host();
        alone_on_host.lock().unwrap();
        let host = alone_on_host.metadata().unwrap().ino();
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let own = std::process::id();
        let home = PathBuf::from(format!("/var/tmp/norn-vault-test-{host}-{own}-{number}"));
        fs::create_dir(&home).unwrap();
        prepare(&home);
        for part in [
            "lower/data",
            "upper",
            "work",
            "merged",
            "host/data",
            "bind",
            "shared/data",
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
            init: root,
            bytes_max,
            protected: home.join("host"),
            container: None,
            others: Vec::new(),
            is_mounted: false,
            _alone_on_host: alone_on_host,
            _alone: alone,
        }
    }

    /// Where the files are made that are there before the vault.
    fn origin(&self) -> PathBuf {
        match self.place {
            Place::Lower | Place::Upper => self.home.join("lower/data"),
            Place::Host | Place::Bind => self.home.join("host/data"),
            Place::Volume => self.home.join("shared/data"),
        }
    }

    pub fn open_vault(&mut self) {
        let options = VaultOptions {
            dir: self.home.join("vault"),
            bytes_max: self.bytes_max,
            protected: vec![self.protected.clone()],
            open_waits: open_waits(),
        };
        let vault = Vault::open(options).unwrap();
        self.observer = Some(vault.observer());
        self.vault = Some(vault);
    }

    pub fn close_vault(&mut self) {
        self.observer = None;
        self.vault = None;
    }

    pub fn mount(&mut self) {
        if self.place == Place::Volume {
            let inside = self.home.join("lower").join(self.home.strip_prefix("/").unwrap());
            fs::create_dir_all(inside.join("shared")).unwrap();
        }
        match self.place {
            Place::Lower | Place::Upper | Place::Volume => {
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
        if self.place == Place::Volume {
            self.start_container();
        }
        // The runtime mounts long before the first process starts.
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    /// Its first program is told to the vault, which is given the time to learn what is mounted.
    fn start_container(&mut self) {
        let (merged, shared) = (self.home.join("merged"), self.home.join("shared"));
        let container = Container::start(&merged, &shared, &self.others);
        self.container = Some(container);
        self.learn_container();
    }

    /// As after the agent's start: what runs is told.
    pub fn learn_container(&mut self) {
        let pid = self.container.as_ref().unwrap().pid;
        let index = self.begin(self.root, (pid, boot_ns()));
        self.init = self.table.get(index).unwrap().uid;
        self.tell(index, (EventKind::Exec, boot_ns()), (b"/init", b"", 0));
        if let Some(vault) = &self.vault {
            let shared = self.home.join("shared");
            let learned = eventually(|| vault.health().mounts_watched > 0 && is_watched(&shared));
            assert!(learned, "{:?}", vault.refused_mounts());
        }
    }

    pub fn protect(&mut self, path: PathBuf) {
        self.protected = path;
    }

    pub fn empty_host() -> Self {
        Self::empty(Place::Host, 512 * MIB)
    }

    pub fn empty_volume() -> Self {
        Self::empty(Place::Volume, 512 * MIB)
    }

    pub fn mount_into_container(&mut self, host: &str, name: &str) {
        let inside = self.home.join("lower").join(name);
        if Path::new(host).is_file() {
            fs::create_dir_all(inside.parent().unwrap()).unwrap();
            fs::write(inside, "").unwrap();
        } else {
            fs::create_dir_all(inside).unwrap();
        }
        self.others.push((host.into(), name.into()));
    }

    /// The container is stopped and another is started with the same mounts.
    pub fn redeploy(&mut self) {
        self.stop();
        self.mount();
    }

    pub fn stop(&mut self) {
        self.container = None;
        unmount(&self.home.join("merged"));
    }

    pub fn container(&self) -> &Container {
        self.container.as_ref().unwrap()
    }

    /// The container's file system alone, to look at.
    pub fn mount_again(&mut self) {
        let place = std::mem::replace(&mut self.place, Place::Lower);
        self.mount();
        self.place = place;
    }

    pub fn unmount(&mut self) {
        self.container = None;
        unmount(&self.home.join("merged"));
        unmount(&self.home.join("bind"));
        unmount(&self.home.join("host"));
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
            Place::Volume => self.home.join("shared/data"),
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
        self.process_below(self.init, work)
    }

    /// The same, by a process that is not part of any attack.
    pub fn outsider(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        self.process_below(self.init, work)
    }

    pub fn process_below(&mut self, parent: ProcessUid, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        let (uid, index) = self.run(parent, work);
        self.vault.as_ref().inspect(|vault| vault.settle());
        self.end(index);
        uid
    }

    /// `open` runs in a process that ends, `work` later in its child, which has all that `open` made; returns the child.
    pub fn orphan<T>(&mut self, open: impl FnOnce() -> T, work: impl FnOnce(T)) -> ProcessUid {
        let [pid, go, done] = ["orphan-pid", "orphan-go", "orphan-done"].map(|name| self.home.join(name));
        let start = boot_ns();
        let parent = fork(|| {
            let made = open();
            let child = fork(|| {
                assert!(eventually(|| go.exists()), "nobody lets the child go on");
                work(made);
                fs::write(&done, "").unwrap();
            });
            fs::write(&pid, child.0.to_string()).unwrap();
        });
        let parent_index = self.begin(self.init, (parent.0 as u32, start));
        let parent_uid = self.table.get(parent_index).unwrap().uid;
        assert!(parent.ended_well(), "the parent failed");
        let child: u32 = fs::read_to_string(&pid).unwrap().parse().unwrap();
        let index = self.begin(parent_uid, (child, boot_ns()));
        self.end(parent_index);
        std::thread::sleep(std::time::Duration::from_millis(300));
        fs::write(&go, "").unwrap();
        assert!(eventually(|| done.exists()), "the child failed");
        self.settle();
        self.end(index);
        self.table.get(index).unwrap().uid
    }

    /// For a vault that is kept busy longer than a test should wait.
    pub fn attack_without_settling(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        let (uid, index) = self.run(self.init, work);
        self.end(index);
        uid
    }

    /// A process that was there before the vault is told to it, and ends with `work`.
    pub fn adopt(&mut self, (pid, start): (u32, u64), work: impl FnOnce(&Self)) -> ProcessUid {
        let index = self.begin(self.init, (pid, start));
        let uid = self.table.get(index).unwrap().uid;
        work(self);
        self.end(index);
        uid
    }

    fn end(&mut self, index: ProcessIndex) {
        let end = boot_ns();
        // As the sensor does: who is told of the end sees it in the table.
        self.table.end(index, end);
        self.tell(index, (EventKind::Exit, end), (b"", b"", 0));
    }

    fn run(&mut self, parent: ProcessUid, work: impl FnOnce(&mut Actor)) -> (ProcessUid, ProcessIndex) {
        let report = self.home.join(format!("report-{}", boot_ns()));
        let mut outside = fs::File::create(&report).unwrap();
        let start = boot_ns();
        let child = fork(|| {
            let mut actor = Actor::default();
            if let Some(container) = &self.container {
                container.enter();
            }
            work(&mut actor);
            std::io::Write::write_all(&mut outside, &actor.told).unwrap();
        });
        let index = self.begin(parent, (child.0 as u32, start));
        let uid = self.table.get(index).unwrap().uid;
        assert!(child.ended_well(), "the other process failed");
        let told = fs::read(&report).unwrap();
        fs::remove_file(&report).unwrap();
        for event in Told::parse(&told) {
            let names = (&event.path[..], &event.target[..], event.flags);
            self.tell(index, (event.kind, event.time), names);
        }
        (uid, index)
    }

    /// A process of the container, when there is one.
    fn begin(&mut self, parent: ProcessUid, (pid, start): (u32, u64)) -> ProcessIndex {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..12].copy_from_slice(&pid.to_le_bytes());
        let container = (self.place == Place::Volume).then(|| CONTAINER.into());
        let index = self.table.insert(Process {
            start_time_ns: start,
            container,
            ..process(ProcessUid(bytes), parent, pid)
        });
        self.tell(index, (EventKind::Fork, start), (b"", b"", 0));
        index
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
            observer.catch_up(&self.table);
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
        if self.is_mounted {
            unmount(&self.home);
        }
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
        credentials: Default::default(),
    }
}
