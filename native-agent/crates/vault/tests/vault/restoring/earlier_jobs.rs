//! A job daemon is blamed for one of its jobs: what its earlier jobs made stays, what the attack made goes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{
    Actor, CONTAINER, Manifest, PLACES, Place, Scene, assert_same, boot_ns, cipher, corpus, files, refused,
    with_suffix,
};
use norn_events::ProcessUid;
use norn_events::wire::action::v1::Verdict;
use norn_vault::{RestoreReport, RestoreRequest};

/// Of the tree that a job unpacks.
const MADE: usize = 24;

fn made(data: &Path, number: usize) -> PathBuf {
    data.join(format!("build/part-{}/file-{number}", number % 3))
}

/// Directories, files, links, and a file that is made under another name first.
fn unpack(actor: &mut Actor, data: &Path) {
    actor.mkdir(&data.join("build.new"));
    for part in 0..3 {
        actor.mkdir(&data.join(format!("build.new/part-{part}")));
    }
    actor.rename(&data.join("build.new"), &data.join("build"));
    for number in 0..MADE {
        let path = made(data, number);
        let beside = with_suffix(&path, ".tmp");
        let first = if number % 2 == 0 { &path } else { &beside };
        fs::write(first, format!("object {number}\n").repeat(90)).unwrap();
        if number % 2 == 1 {
            actor.rename(&beside, &path);
        }
    }
    actor.symlink(Path::new("part-0"), &data.join("build/latest"));
}

fn append(path: &Path) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(b"linked\n").unwrap();
}

/// To what the earlier jobs made as to what was there before.
fn attack(actor: &mut Actor, data: &Path, originals: &[PathBuf]) {
    actor.by_turns(originals, ".locked");
    for number in 0..12 {
        let path = made(data, number);
        match number % 6 {
            0 => actor.encrypt(&path),
            1 => actor.unlink(&path),
            2 => {
                actor.encrypt(&path);
                actor.rename(&path, &with_suffix(&path, ".locked"));
            }
            3 => {
                let locked = with_suffix(&path, ".enc");
                fs::write(&locked, cipher(&fs::read(&path).unwrap())).unwrap();
                actor.rename(&locked, &path);
            }
            4 => actor.chmod(&path, 0o777),
            _ => fs::write(with_suffix(&path, ".note"), b"pay").unwrap(),
        }
    }
    actor.mkdir(&data.join("build/hideout"));
    fs::write(data.join("build/hideout/note"), b"pay").unwrap();
}

struct Story {
    scene: Scene,
    daemon: ProcessUid,
    /// Before the attack, and after the earlier jobs.
    before: Manifest,
    since_ns: u64,
}

fn story(place: Place) -> Story {
    let mut scene = Scene::new(place, corpus(9));
    let originals = files(&scene.manifest(), &scene.data());
    let data = scene.data();
    let daemon = scene.attack(|_| ());
    scene.process_below(daemon, |actor| unpack(actor, &data));
    scene.settle();
    scene.process_below(daemon, |actor| {
        actor.link(&made(&data, 0), &data.join("build/twin"));
        for number in [0, 2, 20] {
            append(&made(&data, number));
        }
    });
    scene.settle();
    let (before, since_ns) = (scene.manifest(), boot_ns());
    scene.process_below(daemon, |actor| attack(actor, &data, &originals));
    scene.settle();
    Story {
        scene,
        daemon,
        before,
        since_ns,
    }
}

impl Story {
    fn request(&self) -> RestoreRequest {
        RestoreRequest {
            scopes: vec![self.daemon],
            made_since_ns: Some(self.since_ns),
            ..RestoreRequest::default()
        }
    }

    fn restore(&self) -> RestoreReport {
        self.scene.vault().restore(&self.request())
    }
}

/// One of them, by the end of its name.
fn has_verdict(report: &RestoreReport, end: &str) -> bool {
    report
        .files
        .iter()
        .any(|file| file.path.ends_with(end.as_bytes()))
}

// @norn-strict
#[test]
fn what_earlier_jobs_made_stays_and_is_put_back_where_the_attack_harmed_it() {
    for place in PLACES {
        let story = story(place);
        let spoiled = story.scene.manifest();
        let report = story.restore();
        assert_same(&story.scene, &story.before, &report);
        assert_eq!(refused(&report), [], "{place:?}");
        assert!(!has_verdict(&report, "file-20"), "{place:?}: nobody harmed it");
        assert!(!has_verdict(&report, "/build"), "{place:?}");
        let removed = report.count(Verdict::Removed);
        assert!(removed > 0 && removed < 12, "{place:?}: {removed}");
        let undone = story.scene.restore(report.id);
        assert_same(&story.scene, &spoiled, &undone);
        for _ in 0..2 {
            let again = story.restore();
            assert_same(&story.scene, &story.before, &again);
        }
    }
}

/// With no such moment all that the daemon ever made goes, as before.
#[test]
fn without_a_moment_all_that_was_made_goes() {
    let mut story = story(Place::Host);
    let report = story.scene.restore(story.daemon);
    assert!(
        !story.scene.data().join("build").exists(),
        "{:?}",
        refused(&report)
    );
    story.before.retain(|path, _| !path.starts_with(b"build"));
    assert_same(&story.scene, &story.before, &report);
}

/// Whoever encrypts slowly gains nothing: what was there before comes back, whenever it was changed.
// @norn-strict
#[test]
fn what_was_there_before_the_daemon_comes_back_whenever_it_was_changed() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(10));
        let before = scene.manifest();
        let originals = files(&before, &scene.data());
        let data = scene.data();
        let daemon = scene.attack(|_| ());
        scene.process_below(daemon, |actor| {
            actor.mkdir(&data.join("out"));
            fs::write(data.join("out/kept"), b"of an earlier job").unwrap();
            let saved = data.join("saved.tmp");
            fs::write(&saved, b"another content").unwrap();
            actor.rename(&saved, &originals[0]);
            actor.unlink(&originals[1]);
            fs::write(&originals[1], b"made under its name").unwrap();
            actor.rename(&originals[2], &data.join("out/moved"));
            actor.encrypt(&originals[3]);
            actor.unlink(&originals[4]);
            actor.link(&originals[5], &data.join("out/linked"));
        });
        scene.settle();
        let since_ns = boot_ns();
        scene.process_below(daemon, |actor| {
            actor.encrypt(&originals[0]);
            actor.encrypt(&originals[6]);
            fs::write(data.join("out/note"), b"pay").unwrap();
        });
        scene.settle();
        let spoiled = scene.manifest();
        let report = scene.vault().restore(&RestoreRequest {
            scopes: vec![daemon],
            made_since_ns: Some(since_ns),
            ..RestoreRequest::default()
        });
        let kept = |path: &Path| fs::read(path).ok();
        assert_eq!(
            kept(&data.join("out/kept")).as_deref(),
            Some(&b"of an earlier job"[..]),
            "{place:?}"
        );
        assert!(
            data.join("out/linked").exists(),
            "{place:?}: a name that an earlier job gave"
        );
        assert!(
            !data.join("out/moved").exists() && !data.join("out/note").exists(),
            "{place:?}"
        );
        assert_eq!(refused(&report), [], "{place:?}");
        let mut after = scene.manifest();
        after.retain(|path, _| before.contains_key(path));
        for (path, file) in &before {
            let name = String::from_utf8_lossy(path);
            assert_eq!(
                after.get(path).map(|now| &now.content),
                Some(&file.content),
                "{place:?}: {name}"
            );
        }
        let undone = scene.restore(report.id);
        assert_same(&scene, &spoiled, &undone);
    }
}

/// A whole container goes back to the attack's first act by itself.
#[test]
fn a_moment_says_nothing_of_a_whole_container() {
    let story = story(Place::Volume);
    let request = RestoreRequest {
        container: Some(CONTAINER.into()),
        extent: norn_vault::Extent::Container,
        ..story.request()
    };
    story.scene.vault().restore(&request);
    assert!(!story.scene.data().join("build").exists());
}

/// It may have no state from the moment: then it is said to be lost, not left in silence.
// @norn-strict
#[test]
fn what_one_process_made_before_and_harmed_since_has_a_verdict() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(3));
        let told = made_and_harmed(&mut scene, 500, |actor, made| actor.encrypt(made));
        assert_ne!(told, Verdict::Removed, "{place:?}");
    }
}

/// Who made a file is not asked when he opens it again: what he writes while the vault takes its copy is nobody's state of rest.
// @norn-strict
#[test]
fn what_its_maker_writes_again_at_once_is_not_taken_for_what_he_made() {
    for place in PLACES {
        let mut scene = Scene::new(place, corpus(3));
        for after_ms in [1, 2, 3, 4] {
            made_and_harmed(&mut scene, after_ms, |_, made| {
                let mut file = fs::OpenOptions::new().write(true).open(made).unwrap();
                file.write_all(&cipher(MADE_BEFORE)).unwrap();
                // The vault copies at rest, and looks again, before it is closed.
                std::thread::sleep(Duration::from_millis(150));
            });
        }
    }
}

const MADE_BEFORE: &[u8] = b"of an earlier job";

/// Who makes a file harms it `after_ms` later. What a restore then says of it is what is there; returned.
fn made_and_harmed(scene: &mut Scene, after_ms: u64, harm: impl FnOnce(&mut Actor, &Path)) -> Verdict {
    let (place, data) = (scene.place, scene.data());
    let (made, moment) = (data.join("made"), scene.home.join("shared/moment"));
    let daemon = scene.attack(|actor| {
        fs::write(&made, MADE_BEFORE).unwrap();
        std::thread::sleep(Duration::from_millis(after_ms));
        fs::write(&moment, boot_ns().to_string()).unwrap();
        harm(actor, &made);
    });
    scene.settle();
    let since_ns = fs::read_to_string(&moment).unwrap().parse().unwrap();
    let report = scene.vault().restore(&RestoreRequest {
        scopes: vec![daemon],
        made_since_ns: Some(since_ns),
        ..RestoreRequest::default()
    });
    let told = report.files.iter().find(|file| file.path.ends_with(b"made"));
    let told = told.unwrap_or_else(|| panic!("{place:?}: {:?}", report.files));
    let verdict = match fs::read(&made) {
        // Its making was told after the moment.
        Err(_) => Verdict::Removed,
        Ok(now) if now == MADE_BEFORE => Verdict::Restored,
        Ok(_) => Verdict::Lost,
    };
    assert_eq!(
        told.verdict, verdict as i32,
        "{place:?}, after {after_ms} ms: {}",
        told.reason
    );
    scene.outsider(|_| drop(fs::remove_file(&made)));
    verdict
}
