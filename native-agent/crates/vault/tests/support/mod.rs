//! A stage for attacks: a place with files, a vault, and other processes whose calls are told as the sensor would.
#![allow(dead_code, unused_imports)]
mod actor;
mod child;
mod container;
mod corpus;
mod manifest;
mod mounts;
mod processes;
pub mod racers;
mod verdicts;
pub mod ways;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use norn_events::{EventKind, ProcessTable, ProcessUid};
use norn_vault::{OPEN_WAITS, RestoreReport, RestoreRequest, Vault, VaultObserver, VaultOptions};

pub use actor::{Actor, cipher, exchange, with_suffix};
pub use child::{Child, eventually, fork, race};
pub use container::{Container, bind, mount_overlay, mount_tmpfs};
pub use corpus::{corpus, large_files, set_attribute, set_mode_and_time};
pub use manifest::{Manifest, State, difference, files, manifest_of};
pub use mounts::{bind_read_only, c_path, mount, mount_new, unmount};
use processes::process;
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
    /// Protected too, and not there.
    pub expected: Vec<PathBuf>,
    protected: PathBuf,
    container: Option<Container>,
    /// What else is mounted into it: of the host, and the name in the container.
    others: Vec<(PathBuf, PathBuf)>,
    /// `home` is a file system of its own.
    is_mounted: bool,
    /// How many the vault watched when the container's file system was unmounted.
    places_before: u64,
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

/// The kernel has a mark of this directory in each of the vault's three groups.
pub fn is_watched(directory: &Path) -> bool {
    let inode = fs::metadata(directory).unwrap().ino();
    let mark = format!("fanotify ino:{inode:x} ");
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    texts.filter(|text| text.contains(&mark)).count() >= 3
}

/// The vault's two groups that watch whole file systems watch this one.
pub fn is_marked(top: &Path) -> bool {
    let device = fs::metadata(top).unwrap().dev();
    let mark = format!("fanotify sdev:{device:x} ");
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    texts.filter(|text| text.contains(&mark)).count() >= 2
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
            scene.outsider(|maker| {
                make(&data);
                maker.tell_modes_below(&data);
            });
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
        // A run that was killed leaves its own, and numbers of namespaces come again.
        let begun = norn_os::clock::boot_ns();
        let home = PathBuf::from(format!("/var/tmp/norn-vault-test-{host}-{own}-{number}-{begun}"));
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
            expected: Vec::new(),
            protected: home.join("host"),
            container: None,
            others: Vec::new(),
            is_mounted: false,
            places_before: 0,
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
            protected: [std::slice::from_ref(&self.protected), &self.expected[..]].concat(),
            expected: self.expected.clone(),
            open_waits: open_waits(),
        };
        let vault = Vault::open(options).unwrap();
        self.observer = Some(vault.observer());
        self.vault = Some(vault);
    }

    pub fn close_vault(&mut self) {
        self.places_before = 0;
        self.observer = None;
        self.vault = None;
    }

    /// Until the vault watches what was mounted: the runtime mounts long before the first process starts.
    pub fn mount(&mut self) {
        self.mount_unseen();
        if self.vault.is_some() && matches!(self.place, Place::Lower | Place::Upper | Place::Volume) {
            let merged = self.home.join("merged");
            assert!(eventually(|| is_marked(&merged)), "the container is not watched");
        }
    }

    pub fn mount_unseen(&mut self) {
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
        self.places_before = self
            .vault
            .as_ref()
            .map_or(0, |vault| vault.health().places_watched);
        self.container = None;
        unmount(&self.home.join("merged"));
        unmount(&self.home.join("bind"));
        unmount(&self.home.join("host"));
    }

    /// Until the vault has noticed that the container's file system is gone.
    pub fn wait_for_unmount(&self) {
        let is_noticed =
            || self.places_before == 0 || self.vault().health().places_watched < self.places_before;
        assert!(eventually(is_noticed), "the vault watches what is not mounted");
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
