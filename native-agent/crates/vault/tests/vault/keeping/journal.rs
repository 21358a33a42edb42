//! The journal outlives its writer, a torn end, and the bound on its size.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{MIB, PLACES, Place, Scene, assert_same, assert_same_or_late, corpus, files};
use norn_events::ProcessUid;
use norn_events::wire::action::v1::Verdict;

/// Lets a process of its own open the vault and stage the attack, and kills it as soon as the attack is over.
fn attack_and_kill_the_agent(scene: &mut Scene) -> ProcessUid {
    let targets = files(&scene.manifest(), &scene.data());
    let (mut here, mut there) = UnixStream::pair().unwrap();
    let agent = crate::support::fork(|| {
        scene.open_vault();
        scene.settle();
        let scope = scene.attack(|actor| {
            actor.ransom(&targets);
        });
        scene.vault().hold(scope);
        there.write_all(&scope.0).unwrap();
        loop {
            std::thread::park();
        }
    });
    drop(there);
    let mut scope = [0; 16];
    here.read_exact(&mut scope).unwrap();
    agent.kill();
    ProcessUid(scope)
}

#[test]
fn journal_recovered_after_kill() {
    for place in PLACES {
        let mut scene = Scene::without_vault(place, corpus(30));
        let before = scene.manifest();
        let scope = attack_and_kill_the_agent(&mut scene);
        assert_ne!(before, scene.manifest());
        scene.open_vault();
        let report = scene.restore(scope);
        assert_same_or_late_across_restarts(&scene, &before, &report);
    }
}

/// Timeouts were counted by the agent that is gone: here a late file may only be said to be late.
fn assert_same_or_late_across_restarts(
    scene: &Scene,
    before: &crate::support::Manifest,
    report: &norn_vault::RestoreReport,
) {
    let late = crate::support::assert_same_but_late(scene, before, report);
    assert_eq!(report.count(Verdict::Restored) + late, 30, "{:?}", scene.place);
}

fn newest_segment(scene: &Scene) -> PathBuf {
    let segments = fs::read_dir(scene.home.join("vault")).unwrap();
    let mut segments: Vec<PathBuf> = segments
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("segment-")
        })
        .collect();
    segments.sort();
    segments.pop().unwrap()
}

#[test]
fn torn_tail() {
    for garbage in [&b""[..], b"\x40\0\0\0\x02\0\0\0half a record", &[0; 300]] {
        let mut scene = Scene::new(Place::Host, corpus(20));
        let before = scene.manifest();
        let targets = files(&before, &scene.data());
        let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
        scene.settle();
        scene.vault().hold(ProcessUid([7; 16]));
        scene.close_vault();
        let segment = newest_segment(&scene);
        let mut bytes = fs::read(&segment).unwrap();
        if garbage.is_empty() {
            bytes.truncate(bytes.len() - 5);
        }
        bytes.extend(garbage);
        fs::write(&segment, &bytes).unwrap();
        scene.open_vault();
        let torn = scene.vault().health().torn_bytes;
        assert!(torn > 0, "the torn end was taken for sound");
        assert!(torn < 64 + garbage.len() as u64, "{torn} bytes were thrown away");
        let report = scene.restore(scope);
        crate::support::assert_same_but_late(&scene, &before, &report);
        scene.close_vault();
        scene.open_vault();
        assert_eq!(scene.vault().health().torn_bytes, 0, "the cut did not last");
    }
}

#[test]
fn eviction_never_touches_held() {
    const ROOM: u64 = 8 * MIB;
    let mut scene = Scene::with_room(Place::Host, ROOM, corpus(40));
    let before = scene.manifest();
    let targets = files(&before, &scene.data());
    let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
    scene.vault().hold(scope);
    let others = scene.home.join("host/others");
    scene.outsider(|_| fs::create_dir(&others).unwrap());
    scene.settle();
    scene.settle();
    for round in 0..6 {
        scene.outsider(|_| {
            for number in 0..24 {
                let words = format!("round {round}, file {number}: ordinary work\n");
                fs::write(others.join(format!("{number}")), words.repeat(8000)).unwrap();
            }
        });
        scene.settle();
        if round == 1 {
            scene.close_vault();
            scene.open_vault();
        }
    }
    let evicted = crate::support::eventually(|| {
        let health = scene.vault().health();
        health.evicted > 0 && health.bytes <= ROOM
    });
    assert!(evicted, "{:?}", scene.vault().health());
    let report = scene.restore(scope);
    assert_same(&scene, &before, &report);
    assert_eq!(report.count(Verdict::Restored), targets.len());
}

/// Once forgotten, the same pre-images give way, and the restore says so.
#[test]
fn eviction_says_what_it_took() {
    const ROOM: u64 = 8 * MIB;
    let mut scene = Scene::with_room(Place::Host, ROOM, corpus(10));
    let targets = files(&scene.manifest(), &scene.data());
    let scope = scene.attack(|actor| targets.iter().for_each(|path| actor.encrypt(path)));
    let others = scene.home.join("host/others");
    scene.outsider(|_| fs::create_dir(&others).unwrap());
    scene.settle();
    for round in 0..12 {
        scene.outsider(|_| {
            for number in 0..24 {
                let words = format!("round {round}, file {number}: ordinary work\n");
                fs::write(others.join(format!("{number}")), words.repeat(8000)).unwrap();
            }
        });
        scene.settle();
    }
    let evicted = crate::support::eventually(|| scene.vault().health().evicted > 0);
    assert!(evicted, "{:?}", scene.vault().health());
    let report = scene.restore(scope);
    let said = crate::support::refused(&report);
    assert!(
        said.iter().all(|(_, reason)| reason.starts_with("evicted")) && !said.is_empty(),
        "{said:?}"
    );
    assert_same_or_late(&scene, &scene.manifest(), &report);
}

/// Once the marks of all directories were set anew at each eviction, and what happened meanwhile was not seen by anybody.
#[test]
fn nothing_goes_unseen_while_a_full_vault_evicts() {
    const FOLDERS: usize = 600;
    let mut scene = Scene::with_room(Place::Host, 8 * MIB, |dir| {
        for number in 0..FOLDERS {
            let folder = dir.join(format!("folder-{number}"));
            fs::create_dir(&folder).unwrap();
            fs::write(
                folder.join("file"),
                format!("the content of {number}\n").repeat(20),
            )
            .unwrap();
        }
    });
    let targets = files(&scene.manifest(), &scene.data());
    let others = scene.home.join("host/others");
    scene.outsider(|_| fs::create_dir(&others).unwrap());
    let mut scopes = Vec::new();
    for (round, some) in targets.chunks(50).enumerate() {
        scene.outsider(|_| {
            for number in 0..24 {
                let words = format!("round {round}, file {number}: what makes others give way\n");
                fs::write(others.join(format!("{number}")), words.repeat(6000)).unwrap();
            }
        });
        scopes.push(scene.attack_without_settling(|actor| {
            for path in some {
                actor.encrypt(path);
                // Long enough for a round of eviction.
                std::thread::sleep(Duration::from_millis(5));
            }
        }));
    }
    let evicted = crate::support::eventually(|| scene.vault().health().evicted > 0);
    assert!(evicted, "{:?}", scene.vault().health());
    let reports: Vec<_> = scopes.into_iter().map(|scope| scene.restore(scope)).collect();
    let told = |path: &PathBuf| {
        let path = path.as_os_str().as_bytes();
        let files = reports.iter().flat_map(|report| &report.files);
        files.into_iter().any(|file| file.path == path)
    };
    let unseen: Vec<_> = targets.iter().filter(|path| !told(path)).collect();
    assert!(unseen.is_empty(), "{} of {FOLDERS}: {unseen:?}", unseen.len());
}

/// What files were once gives way before what they are now, and what is new has its copy although no room is free.
#[test]
fn a_vault_that_is_full_goes_on_knowing_how_files_are() {
    const ROOM: u64 = 12 * MIB;
    let mut scene = Scene::with_room(Place::Host, ROOM, corpus(40));
    let before = scene.manifest();
    let old = files(&before, &scene.data());
    let others = scene.home.join("host/others");
    scene.outsider(|_| fs::create_dir(&others).unwrap());
    scene.settle();
    for round in 0..40 {
        let words = format!("round {round}: ordinary work\n").repeat(20_000);
        scene.outsider(|_| fs::write(others.join("busy"), words).unwrap());
    }
    let health = scene.vault().health();
    assert!(health.bytes > ROOM / 4 * 3, "{health:?}");
    let young: Vec<_> = (0..20)
        .map(|number| others.join(format!("{number}.txt")))
        .collect();
    let content = |path: &std::path::Path| format!("{} is young\n", path.display()).repeat(20);
    scene.outsider(|_| {
        young
            .iter()
            .for_each(|path| fs::write(path, content(path)).unwrap())
    });
    let scope = scene.attack(|actor| old.iter().chain(&young).for_each(|path| actor.unlink(path)));
    let report = scene.restore(scope);
    assert_same(&scene, &before, &report);
    for path in &young {
        assert_eq!(fs::read_to_string(path).unwrap_or_default(), content(path));
    }
}
