//! Deeds and their undoing, on a real file system.
use std::cell::RefCell;
use std::fs::{File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use norn_events::ProcessUid;

use super::*;
use crate::deeds::Actor;
use crate::pack::Pack;

#[path = "restore_races.rs"]
mod races;

struct Scene {
    dir: PathBuf,
    deeds: Deeds,
    now_ns: u64,
}

const ATTACKER: u8 = 1;
const OTHER: u8 = 2;

impl Scene {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("norn-inside-restore-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let pack = Pack::open(std::slice::from_ref(&dir)).unwrap();
        Self {
            dir,
            deeds: Deeds::new(pack, 1 << 20),
            now_ns: 0,
        }
    }

    fn actor(&mut self, who: u8) -> Actor {
        self.now_ns += 1;
        let uid = ProcessUid([who; 16]);
        Actor {
            uid,
            pid: who.into(),
            lineage: Arc::new([uid, ProcessUid([9; 16])]),
            now_ns: self.now_ns,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn write(&mut self, who: u8, path: &Path, content: &str) {
        let actor = self.actor(who);
        match path.exists() {
            true => drop(self.deeds.written(&actor, path)),
            false => self.deeds.created(&actor, path),
        }
        fs::write(path, content).unwrap();
    }

    fn remove(&mut self, who: u8, path: &Path) {
        let actor = self.actor(who);
        self.deeds.removed(&actor, path);
        fs::remove_file(path).unwrap();
    }

    fn rename(&mut self, who: u8, from: &Path, to: &Path) {
        let actor = self.actor(who);
        self.deeds.renamed(&actor, (from, to), false);
        fs::rename(from, to).unwrap();
    }

    fn restore(&mut self, request: RestoreRequest) -> HashMap<String, Verdict> {
        let request = RestoreRequest {
            scopes: vec![ProcessUid([ATTACKER; 16])],
            ..request
        };
        restore(&mut self.deeds, &request, None)
            .files
            .iter()
            .map(|file| {
                let path = PathBuf::from(String::from_utf8(file.path.clone()).unwrap());
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, file.verdict())
            })
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn a_time_that_was_set_back_hides_no_change() {
    let mut scene = Scene::new("time");
    let path = scene.file("letter", "dear all");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    scene.write(ATTACKER, &path, "DEAR ALL");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(before)
        .unwrap();
    assert_eq!(
        scene.restore(RestoreRequest::default())["letter"],
        Verdict::Restored
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear all");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn a_time_alone_is_put_back_too() {
    let mut scene = Scene::new("time-alone");
    let path = scene.file("letter", "dear all");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let actor = scene.actor(ATTACKER);
    scene.deeds.attributes(&actor, &path);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(
        scene.restore(RestoreRequest::default())["letter"],
        Verdict::Restored
    );
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn what_was_written_through_a_name_that_is_gone_is_put_back_in_every_other() {
    let mut scene = Scene::new("gone-name");
    let path = scene.file("one", "dear all");
    let other = scene.path("other");
    fs::hard_link(&path, &other).unwrap();
    let open = File::options().write(true).open(&path).unwrap();
    scene.remove(ATTACKER, &path);
    std::os::unix::fs::FileExt::write_all_at(&open, b"DEAR", 0).unwrap();
    assert_eq!(scene.restore(RestoreRequest::default())["one"], Verdict::Restored);
    for path in [path, other] {
        assert_eq!(fs::read_to_string(path).unwrap(), "dear all");
    }
}

#[test]
fn ciphertext_beside_the_file_goes_and_the_file_comes_back() {
    let mut scene = Scene::new("beside");
    let (file, cipher) = (scene.file("a", "text"), scene.path("a.locked"));
    fs::set_permissions(&file, Permissions::from_mode(0o440)).unwrap();
    let before = fs::metadata(&file).unwrap();
    scene.write(ATTACKER, &cipher, "cipher");
    scene.remove(ATTACKER, &file);
    let verdicts = scene.restore(RestoreRequest::default());
    assert_eq!(
        (verdicts["a"], verdicts["a.locked"]),
        (Verdict::Restored, Verdict::Removed)
    );
    let after = fs::metadata(&file).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
    assert_eq!(
        (after.mode(), after.modified().unwrap()),
        (before.mode(), before.modified().unwrap())
    );
    assert_eq!(scene.names(), ["a"]);
}

#[test]
fn a_file_that_got_another_name_and_content_has_both_back_and_one_verdict() {
    let mut scene = Scene::new("rename");
    let (file, other) = (scene.file("a", "text"), scene.path("a.locked"));
    scene.rename(ATTACKER, &file, &other);
    scene.write(ATTACKER, &other, "cipher");
    let verdicts = scene.restore(RestoreRequest::default());
    assert_eq!(verdicts, HashMap::from([("a".to_owned(), Verdict::Restored)]));
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
    assert_eq!(scene.names(), ["a"]);
}

/// A program that is to be privileged again is made anew, and so another inode than the one that was renamed.
#[test]
fn a_program_that_got_another_name_and_content_has_both_back_and_its_privileges() {
    for mode in [0o2711, 0o4755] {
        let mut scene = Scene::new(&format!("rename-program-{mode:o}"));
        let (file, other) = (scene.file("a", "text"), scene.path("a.locked"));
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let before = fs::metadata(&file).unwrap();
        scene.rename(ATTACKER, &file, &other);
        scene.write(ATTACKER, &other, "ciph");
        scene.write(ATTACKER, &other, "cipher");
        let verdicts = scene.restore(RestoreRequest::default());
        assert_eq!(verdicts, HashMap::from([("a".to_owned(), Verdict::Restored)]));
        let after = fs::metadata(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        assert_eq!(
            (after.mode(), after.modified().unwrap()),
            (before.mode(), before.modified().unwrap())
        );
        assert_eq!(scene.names(), ["a"]);
    }
}

/// A mapping needs no descriptor, and to write by it takes no privileges away.
// @norn-strict
#[test]
fn who_mapped_a_program_while_all_could_write_to_it_does_not_change_it_when_it_is_privileged_again() {
    let mut scene = Scene::new("mapped");
    let file = scene.file("program", "a true program");
    fs::set_permissions(&file, Permissions::from_mode(0o4755)).unwrap();
    let before = Attributes::at(&file).unwrap().1;
    let actor = scene.actor(ATTACKER);
    scene.deeds.attributes(&actor, &file);
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    scene.write(ATTACKER, &file, "cipher of this");
    let open = File::options().read(true).write(true).open(&file).unwrap();
    let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: a new mapping of the file's only page, which is read and written within the file's bytes, and stays mapped.
    let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 14, access, shared, open.as_raw_fd(), 0) };
    assert_ne!(mapped, libc::MAP_FAILED);
    drop(open);
    assert_eq!(
        scene.restore(RestoreRequest::default())["program"],
        Verdict::Restored
    );
    // SAFETY: as above.
    unsafe { std::ptr::copy_nonoverlapping(c"EVIL".as_ptr().cast(), mapped, 4) };
    assert_eq!(fs::read_to_string(&file).unwrap(), "a true program");
    assert_eq!(Attributes::at(&file).unwrap().1, before);
}

#[test]
fn what_was_renamed_over_is_there_again_beside_what_took_its_place() {
    let mut scene = Scene::new("over");
    let (file, fresh) = (scene.file("a", "text"), scene.path("new"));
    scene.write(ATTACKER, &fresh, "cipher");
    scene.rename(ATTACKER, &fresh, &file);
    let verdicts = scene.restore(RestoreRequest::default());
    assert_eq!(verdicts["a"], Verdict::Restored);
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
    assert_eq!(scene.names(), ["a"]);
}

#[test]
fn two_names_of_one_file_are_two_names_of_one_file_again() {
    let mut scene = Scene::new("twins");
    let (one, other) = (scene.file("one", "text"), scene.path("other"));
    fs::hard_link(&one, &other).unwrap();
    scene.remove(ATTACKER, &one);
    scene.remove(ATTACKER, &other);
    let verdicts = scene.restore(RestoreRequest::default());
    assert_eq!(
        (verdicts["one"], verdicts["other"]),
        (Verdict::Restored, Verdict::Restored)
    );
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&one), inode(&other));
    assert_eq!(fs::read_to_string(&one).unwrap(), "text");
}

#[test]
fn one_of_two_names_comes_back_as_a_name_of_the_other() {
    let mut scene = Scene::new("twin");
    let (one, other) = (scene.file("one", "text"), scene.path("other"));
    fs::hard_link(&one, &other).unwrap();
    scene.remove(ATTACKER, &one);
    scene.restore(RestoreRequest::default());
    assert_eq!(
        fs::metadata(&one).unwrap().ino(),
        fs::metadata(&other).unwrap().ino()
    );
}

#[test]
fn what_others_changed_later_is_left_alone_unless_a_person_decides() {
    let mut scene = Scene::new("conflict");
    let file = scene.file("a", "text");
    scene.write(ATTACKER, &file, "cipher");
    scene.write(OTHER, &file, "somebody's work");
    assert_eq!(scene.restore(RestoreRequest::default())["a"], Verdict::Conflict);
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's work");
    let decided = RestoreRequest {
        over_conflicts: true,
        ..RestoreRequest::default()
    };
    assert_eq!(scene.restore(decided)["a"], Verdict::Restored);
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
}

#[test]
fn what_others_did_before_stays_and_twice_changes_nothing() {
    let mut scene = Scene::new("twice");
    let file = scene.file("a", "text");
    scene.write(OTHER, &file, "somebody's work");
    scene.write(ATTACKER, &file, "cipher");
    assert_eq!(scene.restore(RestoreRequest::default())["a"], Verdict::Restored);
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's work");
    assert!(scene.restore(RestoreRequest::default()).is_empty());
}

// @norn-strict
#[test]
fn a_call_that_failed_is_undone_by_doing_nothing() {
    let mut scene = Scene::new("failed");
    let file = scene.file("a", "text");
    let actor = scene.actor(ATTACKER);
    scene.deeds.removed(&actor, &file);
    scene.deeds.renamed(&actor, (&file, &scene.dir.join("b")), false);
    scene.deeds.written(&actor, &file);
    scene.deeds.created(&actor, &scene.dir.join("c"));
    let verdicts = scene.restore(RestoreRequest::default());
    assert_eq!(verdicts, HashMap::from([("a".to_owned(), Verdict::Unchanged)]));
    assert_eq!(scene.names(), ["a"]);
}

#[test]
fn without_room_the_oldest_go_and_it_is_said_unless_they_are_held() {
    let mut scene = Scene::new("room");
    let large = "x".repeat(300 << 10);
    let files: Vec<PathBuf> = (0..5)
        .map(|number| scene.file(&format!("f{number}"), &large))
        .collect();
    scene.deeds.held.insert(ProcessUid([ATTACKER; 16]));
    scene.write(ATTACKER, &files[0], "cipher");
    for file in &files[1..] {
        scene.write(OTHER, file, "work");
    }
    assert!(scene.deeds.evicted > 0 && scene.deeds.pack.bytes() <= 1 << 20);
    assert_eq!(scene.restore(RestoreRequest::default())["f0"], Verdict::Restored);
    let all = RestoreRequest {
        scopes: vec![ProcessUid([OTHER; 16])],
        ..RestoreRequest::default()
    };
    let report = restore(&mut scene.deeds, &all, None);
    let lost = report
        .files
        .iter()
        .find(|file| file.verdict() == Verdict::Lost)
        .unwrap();
    assert!(lost.reason.contains("evicted"), "{}", lost.reason);
}

// @norn-strict
#[test]
fn a_mode_and_a_directory_are_undone_too() {
    let mut scene = Scene::new("attributes");
    let file = scene.file("a", "text");
    let before = fs::metadata(&file).unwrap().mode();
    let actor = scene.actor(ATTACKER);
    scene.deeds.attributes(&actor, &file);
    fs::set_permissions(&file, Permissions::from_mode(0o777)).unwrap();
    let dir = scene.path("made");
    scene.deeds.created(&actor, &dir);
    fs::create_dir(&dir).unwrap();
    scene.write(ATTACKER, &dir.join("note"), "pay");
    scene.restore(RestoreRequest::default());
    assert_eq!(fs::metadata(&file).unwrap().mode(), before);
    assert_eq!(scene.names(), ["a"]);
}

/// Tag, permissions, user, as in linux/posix_acl_xattr.h.
type AclEntry = (u16, u16, u32);

fn acl(entries: &[AclEntry]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, user) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&user.to_le_bytes());
    }
    bytes
}

const ANY: u32 = u32::MAX;
/// Modes and default ACLs that change the mode of what is made in a directory.
const ODD_DIRECTORIES: [(u32, &[AclEntry]); 6] = [
    (0o755, &[(1, 5, ANY), (4, 5, ANY), (0x20, 5, ANY)]),
    (0o755, &[(1, 0, ANY), (4, 7, ANY), (0x20, 7, ANY)]),
    (
        0o755,
        &[
            (1, 7, ANY),
            (2, 7, 65_534),
            (4, 5, ANY),
            (0x10, 7, ANY),
            (0x20, 5, ANY),
        ],
    ),
    (0o755, &[(1, 7, ANY), (4, 7, ANY), (0x10, 7, ANY), (0x20, 7, ANY)]),
    (0o2775, &[]),
    (0o3777, &[]),
];

/// Removes, replaces and empties in a directory like this, and undoes it with this umask.
fn works_in(number: usize, umask: u32) {
    let (mode, entries) = ODD_DIRECTORIES[number];
    let mut scene = Scene::new(&format!("odd-{number}-{umask:o}"));
    fs::set_permissions(&scene.dir, Permissions::from_mode(mode)).unwrap();
    if !entries.is_empty() {
        let (name, value) = (norn_os::DEFAULT_ACL, acl(entries));
        let node = held(&scene.dir).unwrap();
        norn_os::set_attribute(node.as_raw_fd(), name, Some(&value)).unwrap();
    }
    let names = ["gone", "over", "program"];
    let before: Vec<_> = names
        .iter()
        .map(|name| {
            let file = scene.file(name, "text");
            let mode = if *name == "program" { 0o4755 } else { 0o640 };
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            Attributes::at(&file).unwrap().1
        })
        .collect();
    let fresh = scene.path("fresh");
    scene.write(ATTACKER, &fresh, "cipher");
    scene.remove(ATTACKER, &scene.path("gone"));
    scene.rename(ATTACKER, &fresh, &scene.path("over"));
    scene.write(ATTACKER, &scene.path("program"), "cipher");
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(umask));
    let verdicts = scene.restore(RestoreRequest::default());
    for (name, before) in names.iter().zip(before) {
        assert_eq!(verdicts[*name], Verdict::Restored, "{number} {umask:o} {name}");
        assert_eq!(fs::read_to_string(scene.path(name)).unwrap(), "text");
        assert_eq!(
            Attributes::at(&scene.path(name)).unwrap().1,
            before,
            "{number} {umask:o} {name}"
        );
    }
    assert_eq!(scene.names(), names);
}

#[test]
fn a_directory_that_changes_the_mode_of_what_is_made_in_it_is_restored_in_too() {
    for number in 0..ODD_DIRECTORIES.len() {
        for umask in [0o022, 0, 0o777, 0o277] {
            let alone = std::thread::spawn(move || {
                // A umask is of all threads; so it becomes this one's.
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_FS).unwrap();
                works_in(number, umask);
            });
            alone.join().unwrap();
        }
    }
}

#[test]
fn a_directory_that_became_a_link_is_not_followed() {
    let mut scene = Scene::new("link");
    let (inner, outside) = (scene.path("inner"), scene.path("outside"));
    for directory in [&inner, &outside] {
        fs::create_dir(directory).unwrap();
        for name in ["changed", "made", "gone"] {
            fs::write(directory.join(name), "of somebody else").unwrap();
        }
    }
    fs::remove_file(inner.join("made")).unwrap();
    scene.write(ATTACKER, &inner.join("changed"), "cipher");
    scene.write(ATTACKER, &inner.join("made"), "pay");
    scene.remove(ATTACKER, &inner.join("gone"));
    fs::remove_file(outside.join("gone")).unwrap();
    fs::rename(&inner, scene.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(&outside, &inner).unwrap();
    let verdicts = scene.restore(RestoreRequest::default());
    for name in ["changed", "made"] {
        let content = fs::read_to_string(outside.join(name)).unwrap();
        assert_eq!(content, "of somebody else", "{name}: {verdicts:?}");
    }
    assert!(!outside.join("gone").exists(), "it came back where it never was");
}
