//! A restore accounts for all that the attack did: what is not as it was before has a verdict that says so.

use std::fs;
use std::path::Path;

use crate::support::{CONTAINER, Place, Scene, assert_same, mount_tmpfs, refused};
use norn_events::wire::action::v1::Verdict;
use norn_vault::{Extent, RestoreRequest};

const LARGE_BYTES: usize = 2 << 20;

/// Above what is copied at rest, nobody has opened it, and where files are not cloned nothing is kept of it.
#[test]
fn a_large_file_that_was_replaced_unopened_is_lost_and_not_one_that_the_attack_made() {
    for place in [Place::Host, Place::Upper] {
        let make = |data: &Path| {
            fs::create_dir_all(data).unwrap();
            fs::write(data.join("large"), vec![7; LARGE_BYTES]).unwrap();
        };
        let mut scene = Scene::without_vault(place, make);
        scene.open_vault();
        scene.settle();
        let data = scene.data();
        let scope = scene.attack(|actor| {
            fs::write(data.join("ransom"), "pay").unwrap();
            actor.rename(&data.join("ransom"), &data.join("large"));
        });
        let report = scene.restore(scope);
        let refused = refused(&report);
        assert_eq!(refused.len(), 1, "{place:?} {:?}", report.files);
        assert!(refused[0].0.ends_with("data/large"), "{place:?} {refused:?}");
        assert_eq!(report.count(Verdict::Lost), 1, "{place:?} {:?}", report.files);
        assert_eq!(report.count(Verdict::Removed), 0, "{place:?} {:?}", report.files);
    }
}

fn make_directory(data: &Path) {
    fs::create_dir_all(data.join("papers")).unwrap();
    for name in ["one", "two"] {
        fs::write(data.join("papers").join(name), name.repeat(900)).unwrap();
    }
}

/// Its files are under a name that they did not have, though nobody changed them.
#[test]
fn a_directory_that_cannot_get_its_name_back_has_a_verdict() {
    for place in [Place::Host, Place::Lower] {
        let mut scene = Scene::new(place, make_directory);
        let data = scene.data();
        let (papers, moved) = (data.join("papers"), data.join("moved"));
        if place == Place::Lower {
            // overlayfs moves no directory of the image.
            scene.outsider(|actor| {
                fs::remove_dir_all(&papers).unwrap();
                actor.mkdir(&papers);
                fs::write(papers.join("one"), "one").unwrap();
            });
        }
        let scope = scene.attack(|actor| actor.rename(&papers, &moved));
        scene.outsider(|actor| actor.mkdir(&papers));
        let report = scene.restore(scope);
        let refused_now = refused(&report);
        assert!(moved.join("one").exists(), "{place:?} {:?}", report.files);
        assert_eq!(refused_now.len(), 1, "{place:?} {:?}", report.files);
        assert!(
            refused_now[0].0.ends_with("data/papers"),
            "{place:?} {refused_now:?}"
        );
        assert_eq!(report.count(Verdict::Conflict), 1, "{place:?} {:?}", report.files);
    }
}

/// The other side: one that gets its name back, and a second restore of it, have nothing to say of it.
#[test]
fn a_directory_that_got_its_name_back_is_no_conflict_the_second_time() {
    let mut scene = Scene::new(Place::Host, make_directory);
    let before = scene.manifest();
    let data = scene.data();
    let (papers, moved) = (data.join("papers"), data.join("moved"));
    let scope = scene.attack(|actor| actor.rename(&papers, &moved));
    for _ in 0..2 {
        let report = scene.restore(scope);
        assert_eq!(refused(&report), []);
        assert_same(&scene, &before, &report);
    }
    // Somebody has a directory of the other name now: it is none of the attack's.
    scene.outsider(|actor| actor.mkdir(&moved));
    let report = scene.restore(scope);
    assert_eq!(refused(&report), []);
    assert!(moved.exists() && papers.exists());
}

/// What the kernel has mounted there goes with the directory, unless the one who removes it sees the mount too: a container's
/// is seen by nobody else.
#[test]
fn a_directory_of_the_attack_that_a_container_mounts_on_stays() {
    let mut scene = Scene::new(Place::Volume, make_directory);
    let data = scene.data();
    let points = [data.join("point"), Path::new("/data/point").to_path_buf()];
    let scope = scene.attack(|actor| {
        fs::create_dir_all("/data").unwrap();
        for point in &points {
            actor.mkdir(point);
            actor.mkdir(&point.with_file_name("empty"));
        }
    });
    scene.outsider(|_| points.iter().for_each(|point| mount_tmpfs(point)));
    let report = scene.restore(scope);
    let refused = refused(&report);
    let pid = scene.container().pid;
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    for point in &points {
        let name = point.to_str().unwrap();
        assert!(
            table.contains(&format!(" {name} ")),
            "{name} {refused:?}\n{table}"
        );
        let said = refused
            .iter()
            .any(|(path, why)| path.ends_with(name) && why.contains("mounted"));
        assert!(said, "{name} {refused:?}");
    }
    assert_eq!(refused.len(), 2, "{refused:?}");
    let names = |path: &Path| {
        let entries = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    assert_eq!(names(&data), ["papers", "point"]);
    assert_eq!(names(&scene.home.join("merged/data")), ["point"]);
}

/// The root that each start changes, and what a runtime makes to mount on, are told of as a process's work in the container.
#[test]
fn the_runtimes_work_is_not_counted_among_the_files() {
    for extent in [Extent::Processes, Extent::Container] {
        let mut scene = Scene::new(Place::Volume, make_directory);
        let file = scene.data().join("papers/one");
        let scope = scene.attack(|actor| {
            fs::create_dir_all("/etc").unwrap();
            for empty in ["/.dockerenv", "/etc/hostname", "/etc/hosts"] {
                fs::write(empty, "").unwrap();
            }
            actor.mkdir(Path::new("/dev"));
            fs::write("/dev/console", "").unwrap();
            actor.mkdir(Path::new("/proc"));
            actor.chmod(Path::new("/"), 0o755);
            fs::write("/etc/resolv.conf", "nameserver 203.0.113.9").unwrap();
            actor.encrypt(&file);
        });
        let report = scene.vault().restore(&RestoreRequest {
            scopes: vec![scope],
            container: Some(CONTAINER.into()),
            extent,
            ..RestoreRequest::default()
        });
        let mut named: Vec<_> = report
            .files
            .iter()
            .map(|file| String::from_utf8_lossy(&file.path).into_owned())
            .collect();
        named.sort();
        // With content it is somebody's.
        assert_eq!(named, ["/etc/resolv.conf", file.to_str().unwrap()], "{extent:?}");
        assert_eq!(refused(&report), []);
        let merged = scene.home.join("merged");
        for kept in [".dockerenv", "etc/hostname", "etc/hosts", "dev/console", "proc"] {
            assert!(merged.join(kept).exists(), "{extent:?} {kept}");
        }
        assert!(!merged.join("etc/resolv.conf").exists());
    }
}

/// One of the attack's processes writes to it before somebody else moves its directory, another one after.
#[test]
fn a_file_whose_directory_was_moved_meanwhile_has_one_verdict() {
    for place in [Place::Host, Place::Upper] {
        let mut scene = Scene::new(place, make_directory);
        let data = scene.data();
        let before = fs::read(data.join("papers/one")).unwrap();
        let scope = scene.attack(|actor| actor.encrypt(&data.join("papers/one")));
        scene.outsider(|actor| actor.rename(&data.join("papers"), &data.join("moved")));
        scene.process_below(scope, |actor| actor.encrypt(&data.join("moved/one")));
        scene.process_below(scope, |actor| actor.encrypt(&data.join("moved/two")));
        let report = scene.restore(scope);
        assert_eq!(refused(&report), [], "{place:?}");
        assert_eq!(report.files.len(), 2, "{place:?} {:?}", report.files);
        assert_eq!(report.count(Verdict::Restored), 2, "{place:?} {:?}", report.files);
        assert!(
            report
                .files
                .iter()
                .all(|file| file.path.windows(5).any(|part| part == b"moved"))
        );
        assert_eq!(fs::read(data.join("moved/one")).unwrap(), before, "{place:?}");
        assert!(!data.join("papers").exists());
    }
}
