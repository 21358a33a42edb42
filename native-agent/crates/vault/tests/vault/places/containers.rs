//! A whole container goes back to its state before the attack's first change: its own file system and what is mounted in it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{
    CONTAINER, Manifest, Place, Scene, boot_ns, corpus, difference, files, manifest_of, refused, with_suffix,
};
use norn_events::ProcessUid;
use norn_events::wire::action::v1::Verdict;
use norn_vault::{Extent, RestoreReport, RestoreRequest, Standing};

/// The image has files at /data of the container; the volume has some of its own.
fn in_image_and_volume(volume: &Path) {
    corpus(10)(volume);
    let image = volume.parent().unwrap().parent().unwrap().join("lower/data");
    fs::create_dir_all(&image).unwrap();
    corpus(20)(&image);
}

struct Whole {
    image: Manifest,
    volume: Manifest,
}

fn merged(scene: &Scene) -> PathBuf {
    scene.home.join("merged/data")
}

fn whole(scene: &Scene) -> Whole {
    Whole {
        image: manifest_of(&merged(scene)),
        volume: scene.manifest(),
    }
}

#[track_caller]
fn assert_whole(scene: &Scene, before: &Whole, report: &RestoreReport) {
    let now = whole(scene);
    let mut differs = difference(&before.image, &now.image);
    differs.extend(difference(&before.volume, &now.volume));
    assert!(differs.is_empty(), "{differs:#?} {:?}", refused(report));
}

/// As the container calls them.
fn inside(scene: &Scene, host: &[PathBuf]) -> Vec<PathBuf> {
    let top = scene.home.join("merged");
    host.iter()
        .map(|path| Path::new("/").join(path.strip_prefix(&top).unwrap()))
        .collect()
}

fn restore(scene: &Scene, scope: ProcessUid) -> RestoreReport {
    scene.vault().restore(&RestoreRequest {
        scopes: vec![scope],
        container: Some(CONTAINER.into()),
        extent: Extent::Container,
        ..RestoreRequest::default()
    })
}

/// The attack, and another process of the container that carries on with what the attack began.
fn attack(scene: &mut Scene) -> ProcessUid {
    let own = inside(scene, &files(&manifest_of(&merged(scene)), &merged(scene)));
    let volume = files(&scene.manifest(), &scene.data());
    let scope = scene.attack(|actor| {
        for (number, path) in own.iter().enumerate() {
            match number % 4 {
                0 => actor.encrypt(path),
                1 => actor.unlink(path),
                2 => {
                    actor.encrypt(path);
                    actor.rename(path, &with_suffix(path, ".locked"));
                }
                _ => {}
            }
        }
        volume.iter().for_each(|path| actor.encrypt(path));
        fs::write("/data/dropper", b"#!/bin/sh\n").unwrap();
    });
    scene.outsider(|actor| {
        own.iter().skip(3).step_by(4).for_each(|path| actor.encrypt(path));
        fs::write("/data/by-another", b"not of the lineage").unwrap();
    });
    scope
}

#[test]
fn a_whole_container_goes_back() {
    let mut scene = Scene::new(Place::Volume, in_image_and_volume);
    let before = whole(&scene);
    let scope = attack(&mut scene);
    let report = restore(&scene, scope);
    assert_whole(&scene, &before, &report);
    assert_eq!(report.count(Verdict::Removed), 2, "{:?}", report.files);
    assert!(refused(&report).is_empty(), "{:?}", refused(&report));
    let again = restore(&scene, scope);
    assert_whole(&scene, &before, &again);
    assert_eq!(
        again.count(Verdict::Unchanged),
        again.files.len(),
        "{:?}",
        again.files
    );
}

/// What the container did before the attack is not the attack's, and stays.
#[test]
fn the_time_before_the_attack_is_left_alone() {
    let mut scene = Scene::new(Place::Volume, in_image_and_volume);
    scene.outsider(|_| {
        fs::write("/data/d0/file-0.txt", b"the container's own work").unwrap();
        fs::write("/data/log", b"started\n").unwrap();
    });
    scene.settle();
    let before = whole(&scene);
    let scope = attack(&mut scene);
    let report = restore(&scene, scope);
    assert_whole(&scene, &before, &report);
}

#[test]
fn a_container_that_has_exited_goes_back() {
    for restarted in [false, true] {
        let mut scene = Scene::new(Place::Volume, in_image_and_volume);
        let before = whole(&scene);
        let scope = attack(&mut scene);
        scene.unmount();
        if restarted {
            scene.close_vault();
            scene.open_vault();
        }
        scene.wait_for_unmount();
        let report = restore(&scene, scope);
        scene.mount_again();
        assert_whole(&scene, &before, &report);
    }
}

/// A process that holds its file open and writes elsewhere is not disturbed: its inode is the same after.
#[test]
fn others_of_the_container_go_on() {
    let mut scene = Scene::new(Place::Volume, in_image_and_volume);
    let path = merged(&scene).join("d0/file-0.txt");
    let held = fs::File::open(&path).unwrap();
    let before = whole(&scene);
    let scope = attack(&mut scene);
    let report = restore(&scene, scope);
    assert_whole(&scene, &before, &report);
    assert_eq!(held.metadata().unwrap().ino(), fs::metadata(&path).unwrap().ino());
}

/// Nobody watched: the image's files come back by comparison with the image, those it never had are said.
#[test]
fn what_changed_while_the_agent_was_away() {
    let mut scene = Scene::new(Place::Volume, in_image_and_volume);
    scene.outsider(|_| fs::write("/data/own-work", b"a file of the container's own").unwrap());
    scene.settle();
    let before = whole(&scene);
    let own = inside(&scene, &files(&before.image, &merged(&scene)));
    scene.close_vault();
    let since = boot_ns();
    scene.attack(|actor| {
        for (number, path) in own.iter().filter(|path| !path.ends_with("own-work")).enumerate() {
            match number % 3 {
                0 => actor.encrypt(path),
                1 => actor.unlink(path),
                _ => actor.chmod(path, 0o777),
            }
        }
        for path in own
            .iter()
            .filter(|path| path.starts_with("/data/d1") && path.exists())
        {
            actor.unlink(path);
        }
        actor.rmdir(Path::new("/data/d1"));
        fs::write("/data/own-work", b"ruined").unwrap();
        fs::write("/data/new", b"pay").unwrap();
    });
    scene.open_vault();
    scene.learn_container();
    scene.settle();
    let report = scene.vault().restore(&RestoreRequest {
        container: Some(CONTAINER.into()),
        since_ns: Some(since),
        extent: Extent::Container,
        ..RestoreRequest::default()
    });
    let said = refused(&report);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].0.ends_with("/data/new") && said[0].1.contains("nobody watched"),
        "{said:?}"
    );
    fs::remove_file(merged(&scene).join("new")).unwrap();
    assert_whole(&scene, &before, &report);
}

/// Real containers of Docker, with a directory of the host and a named volume.
#[test]
#[ignore = "needs Docker and a static busybox"]
fn mounts_of_docker_are_learned() {
    let mut scene = Scene::new(Place::Host, corpus(1));
    let (host, tag) = (
        scene.home.join("shared"),
        format!("norn-vault-test-{}", std::process::id()),
    );
    fs::create_dir_all(scene.home.join("image/bin")).unwrap();
    fs::copy("/usr/bin/busybox", scene.home.join("image/bin/busybox")).unwrap();
    let shell = |script: String| {
        let done = Command::new("sh").arg("-ec").arg(script).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    shell(format!(
        "tar -C {}/image -c . | docker import - {tag}",
        scene.home.display()
    ));
    shell(format!(
        "docker run -d --name {tag} --network none -v {}:/data -v {tag}:/volume {tag} /bin/busybox sleep 300",
        host.display()
    ));
    let learned = crate::support::eventually(|| scene.vault().health().mounts_watched > 0);
    let refused = scene.vault().refused_mounts();
    fs::write(host.join("data/file"), b"before").unwrap();
    let inside = |script: &str| shell(format!("docker exec {tag} /bin/busybox sh -ec '{script}'"));
    inside("echo of the volume > /volume/file");
    scene.settle();
    inside("echo ruined > /data/data/file; echo ruined > /volume/file");
    scene.settle();
    let volume = PathBuf::from(format!("/var/lib/docker/volumes/{tag}/_data/file"));
    let standings = [host.join("data/file"), volume].map(|path| scene.vault().standing(&path));
    scene.close_vault();
    shell(format!(
        "docker rm -f {tag}; docker volume rm {tag}; docker rmi {tag}"
    ));
    assert!(learned, "{refused:?}");
    assert_eq!(standings, [Standing::Restorable; 2], "{refused:?}");
}

/// The container's name of a file says nothing of the host's file that is called the same, also when it is deleted.
#[test]
fn a_mount_with_the_name_of_a_protected_directory() {
    let mut scene = Scene::empty_volume();
    let (elsewhere, name) = (scene.home.join("elsewhere"), scene.home.join("host/part"));
    fs::create_dir(&elsewhere).unwrap();
    for number in 0..4 {
        let content = format!("{number} is not of the host's directory\n").repeat(50);
        fs::write(elsewhere.join(format!("file-{number}")), content).unwrap();
    }
    let inside = name.strip_prefix("/").unwrap().display().to_string();
    scene.mount_into_container(&elsewhere.display().to_string(), &inside);
    scene.open_vault();
    scene.mount();
    scene.settle();
    let before = manifest_of(&elsewhere);
    let scope = scene.attack(|actor| {
        for number in 0..4 {
            let path = name.join(format!("file-{number}"));
            let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all(b"wiped").unwrap();
            actor.unlink(&path);
        }
    });
    let report = scene.restore(scope);
    let differences = difference(&before, &manifest_of(&elsewhere));
    assert!(differences.is_empty(), "{differences:#?} {:?}", refused(&report));
    assert_eq!(refused(&report), []);
    assert_eq!(report.files.len(), 4, "{:?}", report.files);
}

/// The rules for what is protected without being asked for.
#[test]
fn file_systems_in_memory_and_overlays_of_the_hosts_are_said() {
    let mut scene = Scene::empty_volume();
    let made = |name: &str| {
        let path = scene.home.join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let [memory, lower, upper, work, merged] =
        ["memory", "image", "upper-layer", "work-layer", "shown"].map(made);
    crate::support::mount_tmpfs(&memory);
    crate::support::mount_overlay(&lower, (&upper, &work), &merged);
    for path in [&memory, &merged] {
        let name = path.file_name().unwrap().to_str().unwrap();
        scene.mount_into_container(&path.display().to_string(), name);
    }
    scene.open_vault();
    scene.mount();
    let reasons = || {
        let refused = scene.vault().refused_mounts();
        let of = |end: &str| {
            let mut each = refused.iter();
            each.find(|mount| mount.path.ends_with(end.as_bytes()))
                .map(|mount| mount.reason)
        };
        (of("/memory"), of("/shown"))
    };
    let said = (Some("a file system in memory"), Some("an overlay of the host's"));
    assert!(
        crate::support::eventually(|| reasons() == said),
        "{:?}",
        reasons()
    );
    scene.stop();
    [&memory, &merged]
        .into_iter()
        .for_each(|path| crate::support::unmount(path));
}

#[test]
fn mounts_that_are_not_protected_are_said() {
    let mut scene = Scene::empty_volume();
    scene.mount_into_container("/etc", "etc-of-the-host");
    scene.open_vault();
    scene.mount();
    let refused = scene.vault().refused_mounts();
    let system = refused
        .iter()
        .find(|mount| mount.path == b"/etc")
        .unwrap_or_else(|| panic!("{refused:?}"));
    assert!(system.reason.contains("system"), "{refused:?}");
    let health = scene.vault().health();
    assert_eq!(health.mounts_refused, refused.len() as u64);
    assert!(health.mounts_watched > 0, "nothing is protected");
    assert_eq!(health.places_unwatched, refused.len() as u64);
    assert!(health.unwatched_places.contains(system), "{health:?}");
    // The mounted directory, and the container's own file system.
    assert!(health.places_watched >= 2, "{health:?}");
}
