//! Two threads look out for what is to be protected. Overlays have one for themselves: a container writes milliseconds after its
//! root was mounted, and to compare all that is protected with what is to be may take longer.
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use norn_journal::record::Time;
use norn_os as os;
use norn_os::mounts::{self, OverlayMount};
use norn_os::paths::{open_path, parent};

use crate::places::Overlay;
use crate::protect::Found;
use crate::root::{Root, key_of};
use crate::watch::Entry;
use crate::watched::Watched;
use crate::{learn, protect};

const MOUNTS_IDLE_MS: i32 = 1000;
/// How often all processes are looked at for mount tables of their own, in case the sensor did not tell of one.
const PROCESSES_EVERY: Duration = Duration::from_secs(5);
/// How often every mount table is read again though nobody told of a change.
const AUDIT_EVERY: Duration = Duration::from_secs(60);
/// Directories above protected ones may be busy: they are heeded no more often.
const NAMES_GAP: Duration = Duration::from_millis(20);
/// News that came while it was compared: compared again at once, at most this many times.
const ROUNDS_MAX: usize = 4;
/// After mount tables were read, this many times as long they are not, but for those of programs that start.
const BREATH_TIMES: u32 = 4;
const BREATH_MAX: Duration = Duration::from_millis(500);

/// A tree that began to be watched: what is in it already is copied at rest.
#[derive(Debug)]
pub enum Scan {
    Overlay(Arc<Overlay>),
    Directory(Arc<Root>, Vec<Entry>),
}

/// Marks every overlay, and has the files of those that are new since the last look copied at rest. One that is unmounted and
/// mounted again looks like the one before it, though its mark went with that: runtimes do so when they start a container.
pub fn look_at_overlays(watched: &Watched, scans: &SyncSender<Scan>) {
    let _look = watched.learned.begin_look();
    let _alone = watched.learned.look_alone();
    let Ok(text) = fs::read("/proc/self/mountinfo") else {
        return;
    };
    let mounted = mounts::overlays(&text);
    watched.places.retain(&mounted);
    for mount in mounted {
        let known = watched.places.overlay(mount.device);
        let is_new = known.is_none();
        let overlay = known.unwrap_or_else(|| know_overlay(watched, mount));
        if let Err(error) = watched.watch.overlay(&overlay) {
            let merged = String::from_utf8_lossy(&overlay.mount.merged);
            match error.kind() {
                ErrorKind::NotFound => tracing::debug!(%merged, "a container's file system went away again"),
                _ if is_new => tracing::warn!(%error, %merged, "a container's file system can't be watched"),
                _ => {}
            }
        }
        if is_new {
            send_scan(watched, scans, Scan::Overlay(overlay));
        }
    }
}

fn know_overlay(watched: &Watched, mount: OverlayMount) -> Arc<Overlay> {
    let overlay = watched.places.insert(mount);
    watched
        .store
        .remember_place(overlay.id, watched.places.kind(&overlay));
    // Reading an event of the overlay opens the file in its layer: that must ask nobody, least of all the reader.
    let mount = &overlay.mount;
    let layers = mount.lower.iter().chain([&mount.upper, &mount.work]);
    layers.for_each(|layer| watched.watch.leave(&watched.places.roots(), layer));
    overlay
}

pub fn send_scan(watched: &Watched, scans: &SyncSender<Scan>, scan: Scan) {
    watched.progress.scans.sent();
    let place = match &scan {
        Scan::Overlay(overlay) => overlay.id,
        Scan::Directory(root, _) => root.id,
    };
    if scans.try_send(scan).is_err() {
        watched.unscanned.end(place);
        watched.progress.scans.done();
        tracing::warn!("too many new places at once: one goes without copies at rest");
    }
}

pub fn send_found(watched: &Watched, scans: &SyncSender<Scan>, found: impl IntoIterator<Item = Found>) {
    for (root, entries) in found {
        send_scan(watched, scans, Scan::Directory(root, entries));
    }
}

/// Works until the vault stops.
pub fn watch_overlays(watched: &Watched, scans: &SyncSender<Scan>) {
    let Ok(table) = File::open("/proc/self/mountinfo") else {
        return;
    };
    // What was mounted before the table was opened wakes nobody: look first, then wait.
    while !watched.stop.load(Ordering::Relaxed) {
        look_at_overlays(watched, scans);
        let over = watched.learned.over.as_raw_fd();
        os::poll(
            [(table.as_raw_fd(), libc::POLLPRI), (over, libc::POLLIN)],
            MOUNTS_IDLE_MS,
        );
    }
}

/// What there is to look at.
#[derive(Default)]
struct News {
    asked: bool,
    mounted: bool,
}

/// Told of a directory that is watched since it was made: what it holds, and who made it, when.
pub type OnMade<'a> = &'a dyn Fn((&Arc<Root>, &[Entry]), (u32, Time));
type Outlets<'a> = (&'a SyncSender<Scan>, OnMade<'a>);

/// Directories and files of the host. Works until the vault stops.
pub fn watch_places(watched: &Watched, scans: &SyncSender<Scan>, made: OnMade<'_>) {
    let Ok(table) = File::open("/proc/self/mountinfo") else {
        return;
    };
    let mut news = News {
        asked: true,
        mounted: true,
    };
    let (mut looked, mut audited) = (Instant::now(), Instant::now());
    while !watched.stop.load(Ordering::Relaxed) {
        read_asked(watched, scans);
        let look = watched.learned.begin_look();
        if watched.learned.take_again() {
            (news.asked, news.mounted) = (true, true);
        }
        if looked.elapsed() > PROCESSES_EVERY {
            if audited.elapsed() > AUDIT_EVERY {
                learn::forget_tables(watched);
                news.asked = true;
                audited = Instant::now();
            }
            protect::follow_moves(watched);
            send_found(watched, scans, learn::all(watched));
            looked = Instant::now();
        }
        let begun = Instant::now();
        let later = compare(watched, (scans, made), &news);
        drop(look);
        if news.mounted || later.mounted {
            breathe(watched, scans, begun.elapsed() * BREATH_TIMES);
        }
        news = match later.mounted || watched.learned.is_again() {
            true => later,
            false => wait(watched, &table),
        };
    }
}

fn wait(watched: &Watched, table: &File) -> News {
    let wake = watched.learned.wake.as_raw_fd();
    let [mounts, names] = watched.signals.fds();
    let sources = [
        (wake, libc::POLLIN),
        (table.as_raw_fd(), libc::POLLPRI),
        (mounts, libc::POLLIN),
        (names, libc::POLLIN),
    ];
    let [_, has_changed, has_mounted, has_named] = os::poll(sources, MOUNTS_IDLE_MS);
    let mounted = has_changed || has_mounted;
    if has_named && !mounted {
        std::thread::sleep(NAMES_GAP);
    }
    News {
        asked: has_named || mounted,
        mounted,
    }
}

/// The mount tables of processes that the sensor told of.
fn read_asked(watched: &Watched, scans: &SyncSender<Scan>) {
    let _look = watched.learned.begin_look();
    let asked = watched.learned.take_asked();
    if asked.is_empty() {
        return;
    }
    // The sensor may have told of a process before the overlay at its root was noticed.
    look_at_overlays(watched, scans);
    for (&pid, container) in &asked {
        if let Some(container) = container {
            watched.find_home(pid, container);
        }
    }
    send_found(watched, scans, learn::some(watched, asked));
}

/// What is to be protected with what is.
/// Says what was told meanwhile.
fn compare(watched: &Watched, (scans, made): Outlets<'_>, news: &News) -> News {
    if news.asked {
        protect::follow_moves(watched);
    }
    let mut is_mounted = news.mounted;
    for _ in 0..ROUNDS_MAX {
        if !news.asked {
            break;
        }
        let done = protect::asked(watched);
        // After it was made something may have come into it, which counts as its maker's.
        let told = watched.signals.drain();
        is_mounted |= told.is_mounted;
        for (root, entries) in done.into_iter().filter_map(|(_, done)| done.ok().flatten()) {
            if let Some(pid) = maker(watched, &root.path) {
                made((&root, &entries), (pid, os::boot_ns() as Time));
            }
            send_scan(watched, scans, Scan::Directory(root, entries));
        }
        if !told.is_news {
            break;
        }
    }
    if !is_mounted {
        return News::default();
    }
    let (found, told) = watched.signals.while_reading(|| learn::known(watched));
    send_found(watched, scans, found);
    News {
        asked: told.is_news,
        mounted: told.is_mounted,
    }
}

/// Who has just made this directory, or the nearest one above it: nobody told what was made in that before it was watched.
fn maker(watched: &Watched, path: &[u8]) -> Option<u32> {
    let mut above = path;
    while !above.is_empty() {
        let known = open_path(above).and_then(|directory| key_of(&directory));
        if let Some(pid) = known.ok().and_then(|key| watched.signals.maker(key)) {
            return Some(pid);
        }
        above = parent(above);
    }
    None
}

/// However many mounts come and go, their tables are read a fifth of the time at most. Whoever starts a program is not kept waiting.
fn breathe(watched: &Watched, scans: &SyncSender<Scan>, pause: Duration) {
    let until = Instant::now() + pause.min(BREATH_MAX);
    let wake = watched.learned.wake.as_raw_fd();
    while !watched.stop.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        if left == 0 {
            return;
        }
        let [is_asked] = os::poll([(wake, libc::POLLIN)], left as i32);
        if is_asked {
            read_asked(watched, scans);
        }
    }
}
