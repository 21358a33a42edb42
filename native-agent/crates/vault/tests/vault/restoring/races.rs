//! Restores while the owner of the directory changes names under their hands. A file that is said to be restored is that file,
//! under that name; no file of the racers becomes root's or privileged; nothing of others goes; what went wrong is a conflict.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

use crate::support::racers::{EVIL, NAMES, NOBODY, Racers, now_ns, unbind_all};
use crate::support::{
    Actor, Manifest, Place, Scene, State, difference, manifest_of, set_attribute, set_mode_and_time,
};
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use sha2::{Digest, Sha256};

/// cap_net_bind_service=ep, as `struct vfs_cap_data` of revision 2.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// What files of the attack hold.
const PAY: &[u8] = b"#!/bin/sh\necho pay\n";
const VICTIM: &str = "of somebody else: ";
/// When each path was looked at for the last time before its verdict.
static LOOKED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
/// Called when a restore knows what it will do.
static DECIDED: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// Called when the first name is looked at again.
static LOOKING: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);
/// Both are of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn call(hook: &Mutex<Option<Box<dyn FnOnce() + Send>>>) {
    let hook = hook.lock().unwrap_or_else(PoisonError::into_inner).take();
    hook.into_iter().for_each(|hook| hook());
}

/// Hears of nothing but that a restore begins to work, and of the last look at each file.
struct Listener;

impl tracing::Subscriber for Listener {
    fn enabled(&self, about: &tracing::Metadata<'_>) -> bool {
        about.target().starts_with("norn_restore") && *about.level() == tracing::Level::TRACE
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Heard);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

struct Heard;

impl tracing::field::Visit for Heard {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "path" => {
                let mut looked = LOOKED.lock().unwrap_or_else(PoisonError::into_inner);
                looked.insert(format!("{value:?}"), now_ns());
                drop(looked);
                call(&LOOKING);
            }
            "files" => {
                call(&DECIDED);
            }
            _ => {}
        }
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

fn own(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(if uid == 0 { 0 } else { NOBODY })).unwrap();
}

/// `d` is attacked and restored; in half of the rounds it is root's, in a directory of nobody's.
fn make_round(top: &Path, round: u64) {
    for name in ["d", "e", "outside"] {
        fs::create_dir_all(top.join(name)).unwrap();
    }
    let d = top.join("d");
    for name in NAMES
        .iter()
        .filter(|name| !["link", "twin-b", "dropped"].contains(name))
    {
        fs::write(
            d.join(name),
            format!("round {round}, {name}: the true content\n").repeat(40),
        )
        .unwrap();
        set_mode_and_time(&d.join(name), 0o644, 1_500_000_000);
    }
    symlink("../outside/secret", d.join("link")).unwrap();
    fs::hard_link(d.join("twin-a"), d.join("twin-b")).unwrap();
    own(&d.join("own"), NOBODY);
    std::os::unix::fs::chown(d.join("group"), Some(0), Some(NOBODY)).unwrap();
    for (name, mode) in [
        ("tool", 0o4755),
        ("moved", 0o4711),
        ("twin-a", 0o6755),
        ("group", 0o2755),
    ] {
        set_mode_and_time(&d.join(name), mode, 1_500_000_001);
    }
    set_attribute(&d.join("capable"), "security.capability", CAPABILITY);
    for name in NAMES {
        fs::write(top.join("e").join(name), format!("{VICTIM}{round}/{name}")).unwrap();
        set_mode_and_time(&top.join("e").join(name), 0o600, 1_500_000_002);
    }
    fs::write(top.join("outside/secret"), format!("{VICTIM}{round}/secret")).unwrap();
    own(top, NOBODY);
    if round.is_multiple_of(2) {
        own(&d, NOBODY);
    }
}

fn attack(actor: &mut Actor, top: &Path) {
    let at = |name: &str| top.join("d").join(name);
    // As root in a container would, so that others can write to what was a program.
    for name in ["capable", "twin-a", "group"] {
        actor.encrypt(&at(name));
        actor.chmod(&at(name), 0o666);
    }
    fs::write(at("new"), PAY).unwrap();
    actor.rename(&at("new"), &at("plain"));
    actor.unlink(&at("tool"));
    actor.unlink(&at("link"));
    actor.unlink(&at("own"));
    actor.rename(&at("moved"), &at("moved.locked"));
    fs::write(at("dropped"), PAY).unwrap();
}

#[derive(Default, Debug)]
struct Tally {
    files: u64,
    restored: u64,
    /// Of those, with nobody's hands on the name between the last look and the test's.
    judged: u64,
    removed: u64,
    unchanged: u64,
    conflict: u64,
    lost: u64,
    deeds: u64,
    reasons: BTreeMap<String, u64>,
}

/// One round, before and after.
struct Round<'a> {
    number: u64,
    before: &'a Manifest,
    now: Manifest,
    racers: &'a Racers,
    /// The racers began when it was decided what is put back where.
    is_late: bool,
}

impl Tally {
    fn add(&mut self, round: &Round<'_>, files: &[FileVerdict]) {
        self.files += files.len() as u64;
        for file in files {
            match file.verdict() {
                Verdict::Restored => {
                    self.restored += 1;
                    self.judged += u64::from(round.judge(file));
                }
                Verdict::Removed => self.removed += 1,
                Verdict::Unchanged => self.unchanged += 1,
                Verdict::Conflict => self.conflict += 1,
                _ => self.lost += 1,
            }
            if matches!(file.verdict(), Verdict::Conflict | Verdict::Lost) {
                let reason = file.reason.split(';').next().unwrap_or_default();
                assert!(!reason.is_empty(), "{file:?}");
                *self.reasons.entry(reason.to_owned()).or_default() += 1;
            }
        }
        self.deeds += round.racers.deeds();
        nobody_became_more(round.number, round.before, &round.now);
        nothing_of_others_went(round.number, &round.now);
    }

    fn sum(&mut self, other: &Self) {
        self.files += other.files;
        self.restored += other.restored;
        self.judged += other.judged;
        self.conflict += other.conflict;
        self.deeds += other.deeds;
    }
}

impl Round<'_> {
    /// `false` when a racer had its hands on the name.
    fn judge(&self, file: &FileVerdict) -> bool {
        let name = Path::new(std::ffi::OsStr::from_bytes(&file.path)).file_name();
        let number = NAMES.iter().position(|known| name == Some(known.as_ref()));
        // Another file has the name, or none has it: this one was put back through a mount of it.
        let Some(number) = number.filter(|_| !file.reason.starts_with("it has lost its name")) else {
            return false;
        };
        let (round, name) = (self.number, NAMES[number]);
        let looked = LOOKED.lock().unwrap_or_else(PoisonError::into_inner);
        // A racer may have moved its directory before it was decided: it is put back where that is then.
        let told = String::from_utf8_lossy(&file.path);
        let at = told.find(&format!("r{round}/")).map_or(&*told, |at| &told[at..]);
        let time = looked.iter().find(|(path, _)| path.ends_with(at));
        let Some((_, &time)) = time else {
            panic!("round {round}: {name} is said to be restored without a last look");
        };
        if self.racers.touched_since(number, time) {
            return false;
        }
        let path = format!("d/{name}").into_bytes();
        let is = self.now.get(at.split_once('/').unwrap_or_default().1.as_bytes());
        // What a racer renamed before it was decided is put back under the name that it has then.
        let is_meant = |was: &State| is.is_some_and(|is| is.content == was.content);
        let was = match self.is_late {
            true => &self.before[&path],
            false => self
                .before
                .values()
                .find(|was| is_meant(was))
                .unwrap_or(&self.before[&path]),
        };
        // A racer may have given it one name more.
        let is = is.map(|is| State {
            links: was.links,
            ..is.clone()
        });
        let only = |state: Option<State>| state.map(|state| (path.clone(), state)).into_iter().collect();
        let differs = difference(&only(Some(was.clone())), &only(is));
        assert!(
            differs.is_empty(),
            "round {round}: {name} is said to be restored: {differs:?}"
        );
        let hash = Sha256::digest(&was.content).to_vec();
        let is_link = was.mode & libc::S_IFMT == libc::S_IFLNK;
        let is_right = is_link || file.sha256_before.is_empty() || file.sha256_before == hash;
        assert!(is_right, "round {round}: {name} has the hash of another file");
        true
    }
}

/// Whatever is privileged has a true content, and whatever the racers wrote is nobody's own.
fn nobody_became_more(round: u64, before: &Manifest, now: &Manifest) {
    for (path, state) in now.iter().filter(|(path, _)| !path.ends_with(b"/")) {
        let name = String::from_utf8_lossy(path);
        let is_regular = state.mode & libc::S_IFMT == libc::S_IFREG;
        let is_capable = state
            .attributes
            .iter()
            .any(|(name, _)| name == b"security.capability");
        if is_regular && (state.mode & 0o6000 != 0 || is_capable) {
            let is_true = before.values().any(|was| was.content == state.content);
            assert!(
                is_true,
                "round {round}: {name} is privileged: {:o} {:?}",
                state.mode, state.owner
            );
        }
        assert!(
            state.content != EVIL || state.owner.0 == NOBODY,
            "round {round}: {name} is a racer's file, and is {:?}, mode {:o}",
            state.owner,
            state.mode
        );
    }
}

fn nothing_of_others_went(round: u64, now: &Manifest) {
    for name in NAMES.iter().chain(&["secret"]) {
        let content = format!("{VICTIM}{round}/{name}");
        let is_there = now.values().any(|state| state.content == content.as_bytes());
        assert!(is_there, "round {round}: {name} of somebody else is gone");
    }
}

fn seed() -> u64 {
    let given = std::env::var("NORN_RACE_SEED").ok();
    given.map_or_else(now_ns, |text| text.parse().unwrap()) | 1
}

/// `rounds` of at most ten files each, and on a busy machine at most four times as many: until one is left that racers had no hand in.
fn race(kind: Option<&str>, place: Place, rounds: u64) -> Tally {
    listen();
    let seed = seed();
    println!("{kind:?} {place:?}: NORN_RACE_SEED={seed}");
    let mut scene = match kind {
        Some(kind) => Scene::on_without_vault(kind, place, |_| {}),
        None => Scene::without_vault(place, |_| {}),
    };
    let data = scene.data();
    let rounds_max = rounds * 4;
    for round in 0..rounds_max {
        make_round(&data.join(format!("r{round}")), round);
    }
    let racers = Arc::new(Racers::start(&data, seed, true));
    scene.open_vault();
    scene.settle();
    let mut tally = Tally::default();
    LOOKED.lock().unwrap_or_else(PoisonError::into_inner).clear();
    for number in 0..rounds_max {
        if number >= rounds && tally.judged > 0 {
            break;
        }
        let top = data.join(format!("r{number}"));
        let before = manifest_of(&top);
        let scope = scene.attack(|actor| attack(actor, &top));
        let is_late = number % 4 != 3;
        let (begin, goes) = (racers.clone(), Arc::new(AtomicBool::new(false)));
        let went = goes.clone();
        let begin = move || {
            if !went.swap(true, Ordering::AcqRel) {
                begin.begin(number);
            }
        };
        if is_late {
            *DECIDED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(begin));
        } else {
            begin();
        }
        let report = scene.restore(scope);
        assert!(goes.load(Ordering::Acquire), "round {number}: nobody raced");
        racers.wait(number);
        unbind_all(&top);
        let now = manifest_of(&top);
        let round = Round {
            number,
            before: &before,
            now,
            racers: &racers,
            is_late,
        };
        tally.add(&round, &report.files);
        fs::remove_dir_all(&top).unwrap();
    }
    println!("{kind:?} {place:?}: {tally:#?}");
    assert!(tally.judged > 0, "no restore could be judged");
    tally
}

/// Its own verdict was given before; the name is lost while the restore still goes on.
// @norn-strict
#[test]
fn a_program_that_is_moved_after_it_was_put_back_is_a_conflict_and_has_no_privileges() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    listen();
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, |data| {
            for (name, mode) in [("a", 0o644), ("b-tool", 0o4755)] {
                fs::write(data.join(name), format!("{name}: the true content")).unwrap();
                set_mode_and_time(&data.join(name), mode, 1_500_000_000);
            }
        });
        let data = scene.data();
        let (tool, stash) = (data.join("b-tool"), data.join("stash"));
        let scope = scene.attack(|actor| {
            actor.encrypt(&data.join("a"));
            actor.unlink(&tool);
        });
        let moved = (tool.clone(), stash.clone());
        *LOOKING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(move || {
            let (tool, stash) = moved;
            fs::rename(&tool, stash).unwrap();
            fs::write(&tool, EVIL).unwrap();
        }));
        let report = scene.restore(scope);
        let of = |end: &[u8]| {
            let file = report.files.iter().find(|file| file.path.ends_with(end));
            file.map(|file| (file.verdict(), file.quarantined_as.is_empty()))
        };
        assert_eq!(of(b"/a"), Some((Verdict::Restored, true)), "{place:?}");
        assert_eq!(of(b"/b-tool"), Some((Verdict::Conflict, false)), "{place:?}");
        assert_eq!(fs::read(&tool).unwrap(), EVIL);
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&stash).unwrap());
        assert_eq!(mode & 0o7777, 0o755, "{place:?}");
    }
}

/// Who mapped it while everybody could write to it writes without a descriptor, and the kernel takes nothing away for that.
// @norn-strict
#[test]
fn a_program_that_somebody_has_mapped_to_write_does_not_become_privileged() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, |data| {
            fs::write(data.join("tool"), "the true content of a tool").unwrap();
            fs::hard_link(data.join("tool"), data.join("twin")).unwrap();
            set_mode_and_time(&data.join("tool"), 0o6755, 1_500_000_000);
        });
        let tool = scene.data().join("tool");
        let scope = scene.attack(|actor| {
            actor.encrypt(&tool);
            actor.chmod(&tool, 0o666);
        });
        let open = fs::OpenOptions::new().read(true).write(true).open(&tool).unwrap();
        let mapped = crate::support::racers::Mapped::of(open);
        let report = scene.restore(scope);
        assert!(
            report
                .files
                .iter()
                .all(|file| file.verdict() == Verdict::Conflict),
            "{:?}",
            report.files
        );
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&tool).unwrap());
        assert_eq!(mode & 0o6000, 0, "{place:?}");
        drop(mapped);
    }
}

/// Two hundred files.
// @norn-strict
#[test]
fn restores_under_an_owner_who_races_give_nobody_anything() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    race(None, Place::Host, 12);
    race(None, Place::Upper, 8);
}

/// Ten thousand files, on each file system.
// @norn-strict
#[test]
#[ignore = "takes minutes: `./norn test long` runs it"]
fn long_ten_thousand_files_are_restored_against_an_owner_who_races() {
    const FILES: u64 = 10_000;
    const ROUNDS: u64 = 50;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sum = Tally::default();
    while sum.files < FILES {
        for (kind, place) in [
            (None, Place::Host),
            (None, Place::Upper),
            (Some("tmpfs"), Place::Host),
            (Some("xfs"), Place::Host),
            (Some("btrfs"), Place::Upper),
        ] {
            sum.sum(&race(kind, place, ROUNDS));
        }
    }
    println!("{sum:#?}");
}
