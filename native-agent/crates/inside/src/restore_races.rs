//! The owner of a directory against a restore in it: every trick at every step.
use super::*;

/// What the owner of a directory does in the middle of a restore, given the program's name and the number of the step.
type Trick = fn(&Path);

const EVIL: &str = "the racer's";

fn beside_it(program: &Path, name: &str) -> PathBuf {
    program.with_file_name(name)
}

fn exchange(one: &Path, other: &Path) {
    let _nothing_there = renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE);
}

fn decoy(program: &Path, name: &str) -> PathBuf {
    let decoy = beside_it(program, name);
    fs::write(&decoy, EVIL).unwrap();
    fs::set_permissions(&decoy, Permissions::from_mode(0o777)).unwrap();
    decoy
}

const TRICKS: [(&str, Trick); 8] = [
    ("exchange", |program| exchange(&decoy(program, "decoy"), program)),
    ("rename over", |program| {
        fs::rename(decoy(program, "decoy"), program).unwrap()
    }),
    ("rename away", |program| {
        let _nothing_there = fs::rename(program, beside_it(program, "stash"));
        fs::rename(decoy(program, "decoy"), program).unwrap();
    }),
    ("link", |program| {
        let _nothing_there = fs::hard_link(program, beside_it(program, "linked"));
    }),
    ("symbolic link", |program| {
        let _nothing_there = fs::remove_file(program);
        std::os::unix::fs::symlink(decoy(program, "decoy"), program).unwrap();
    }),
    ("unlink", |program| {
        let _nothing_there = fs::remove_file(program);
    }),
    ("write", |program| {
        // Who waits for the restore's lease to end would wait for itself.
        let opened = File::options()
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(program);
        let _refused = opened.map(|file| std::os::unix::fs::FileExt::write_all_at(&file, b"EVIL", 0));
    }),
    ("another directory", |program| {
        let (directory, other) = (
            program.parent().unwrap(),
            program.parent().unwrap().with_extension("other"),
        );
        fs::create_dir_all(&other).unwrap();
        decoy(&other.join("program"), "program");
        exchange(directory, &other);
    }),
];

/// Plays the trick when the restore comes to its step of this number.
struct Racer {
    at: usize,
    trick: Trick,
    program: PathBuf,
    steps: usize,
}

thread_local! {
    /// Of the restore that this thread does.
    static RACER: RefCell<Option<Racer>> = const { RefCell::new(None) };
}

/// Of the whole process: one of a thread's own may not hear of what another thread's came upon first.
struct Steps;

impl tracing::Subscriber for Steps {
    fn enabled(&self, about: &tracing::Metadata<'_>) -> bool {
        about.fields().field("step").is_some()
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        RACER.with_borrow_mut(|racer| {
            let Some(racer) = racer else { return };
            racer.steps += 1;
            if racer.steps == racer.at + 1 {
                (racer.trick)(&racer.program);
            }
        });
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// What an attack did with a program.
type Harm = fn(&mut Scene, &Path);

const HARMS: [(&str, Harm); 5] = [
    ("removed", |scene, program| scene.remove(ATTACKER, program)),
    ("written", |scene, program| {
        scene.write(ATTACKER, program, "cipher")
    }),
    ("replaced", |scene, program| {
        let fresh = program.with_file_name("fresh");
        scene.write(ATTACKER, &fresh, "cipher");
        scene.rename(ATTACKER, &fresh, program);
    }),
    ("renamed and written", |scene, program| {
        let other = program.with_file_name("program.locked");
        scene.rename(ATTACKER, program, &other);
        scene.write(ATTACKER, &other, "cipher");
    }),
    ("opened to all", |scene, program| {
        let actor = scene.actor(ATTACKER);
        scene.deeds.attributes(&actor, program);
        fs::set_permissions(program, Permissions::from_mode(0o666)).unwrap();
        scene.write(ATTACKER, program, "cipher");
    }),
];

/// Every file below, links not followed.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files_below(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// The restore's own directories.
fn asides_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries.filter(|path| path.is_dir() && !path.is_symlink()) {
        found.extend(asides_below(&path));
        if path.file_name().unwrap().as_bytes().starts_with(b".norn-") {
            found.push(path);
        }
    }
    found
}

/// The inode of what starts as its owner.
fn privileged(path: &Path) -> Option<u64> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.mode() & 0o6000 != 0).then_some(metadata.ino())
}

/// One restore with one trick at one of its steps; `false` when it has no such step.
fn is_raced((harm_name, harm): (&str, Harm), (trick_name, trick): (&str, Trick), at: usize) -> bool {
    let what = format!("{harm_name}, {trick_name} at step {at}");
    let mut scene = Scene::new(&format!("race-{}", what.replace([' ', ','], "-")));
    let directory = scene.path("directory");
    fs::create_dir(&directory).unwrap();
    let program = directory.join("program");
    fs::write(&program, "a true program").unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
    let before = Attributes::at(&program).unwrap().1;
    harm(&mut scene, &program);
    let were: Vec<u64> = files_below(&scene.dir)
        .iter()
        .filter_map(|path| privileged(path))
        .collect();
    RACER.set(Some(Racer {
        at,
        trick,
        program: program.clone(),
        steps: 0,
    }));
    let verdicts = scene.restore(RestoreRequest::default());
    if RACER.take().is_none_or(|racer| racer.steps <= at) {
        return false;
    }
    if verdicts.get("program") == Some(&Verdict::Restored) {
        assert_eq!(fs::read_to_string(&program).unwrap(), "a true program", "{what}");
        assert_eq!(Attributes::at(&program).unwrap().1, before, "{what}");
    }
    for path in files_below(&scene.dir) {
        let is_true = fs::read_to_string(&path).unwrap() == "a true program";
        let became = privileged(&path).filter(|inode| !were.contains(inode));
        assert!(
            is_true || became.is_none(),
            "{what}: {} became privileged",
            path.display()
        );
    }
    // A file that lost its name to the race may have got one that begins so.
    let stays = asides_below(&scene.dir);
    assert!(stays.is_empty(), "{what}: {stays:?}");
    true
}

/// At each step of the restore, whatever the owner of the directory does there.
// @norn-strict
#[test]
fn what_took_a_programs_name_does_not_become_privileged() {
    tracing::subscriber::set_global_default(Steps).unwrap();
    for harm in HARMS {
        for trick in TRICKS {
            let steps = (0..).take_while(|&at| is_raced(harm, trick, at)).count();
            assert!(steps >= 3, "{}: only {steps} steps were met", harm.0);
        }
    }
}
