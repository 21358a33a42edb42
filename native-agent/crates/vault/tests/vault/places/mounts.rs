//! What is protected is what is mounted, whatever becomes of its name: directories that are removed and made again, moved away
//! and replaced, mounted over, mounted later, one in the other, or as a single file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    Manifest, Scene, bind, corpus, difference, eventually, files, fork, manifest_of, mount_tmpfs, refused,
    unmount,
};
use norn_events::wire::action::v1::Verdict;
use norn_vault::Standing;

const FILES: usize = 40;

/// By a process of the host, as an administrator or a deployment does it.
fn on_host(work: impl FnOnce()) {
    assert!(fork(work).ended_well(), "the host's own process failed");
}

/// Removed and made again under its name, with other files.
fn make_anew(directory: &Path) {
    on_host(|| {
        fs::remove_dir_all(directory).unwrap();
        fs::create_dir(directory).unwrap();
        corpus(FILES)(directory);
    });
}

fn standings(scene: &Scene, paths: &[PathBuf]) -> usize {
    let is_kept = |path: &&PathBuf| scene.vault().standing(path) == Standing::Restorable;
    paths.iter().filter(is_kept).count()
}

#[track_caller]
fn wait_until_kept(scene: &Scene, directory: &Path) -> Manifest {
    let before = manifest_of(directory);
    let paths = files(&before, directory);
    assert!(!paths.is_empty());
    let kept = eventually(|| standings(scene, &paths) == paths.len());
    assert!(
        kept,
        "{} of {} files of {} are kept; {:?}",
        standings(scene, &paths),
        paths.len(),
        directory.display(),
        scene.vault().refused_mounts()
    );
    before
}

/// Everything below `inside` is encrypted, deleted or renamed by one process; afterwards `directory`, which is the host's name
/// of it, is as it was.
#[track_caller]
fn assert_comes_back(scene: &mut Scene, directory: &Path, inside: &Path) {
    let before = wait_until_kept(scene, directory);
    let paths = files(&before, inside);
    let counted = eventually(|| {
        let health = scene.vault().health();
        health.files_present >= paths.len() as u64 && health.files_unkept == 0
    });
    assert!(counted, "{:?}", scene.vault().health());
    let scope = scene.attack(|actor| {
        actor.ransom(&paths);
    });
    assert!(
        !difference(&before, &manifest_of(directory)).is_empty(),
        "nothing was attacked"
    );
    let report = scene.restore(scope);
    let differs = difference(&before, &manifest_of(directory));
    assert!(differs.is_empty(), "{differs:#?} {:?}", refused(&report));
    assert_eq!(refused(&report), []);
    assert!(
        report.count(Verdict::Restored) >= paths.len(),
        "{:?}",
        report.files
    );
}

fn with_data() -> (Scene, PathBuf) {
    let mut scene = Scene::empty_volume();
    let data = scene.home.join("apart/data");
    fs::create_dir_all(&data).unwrap();
    corpus(FILES)(&data);
    scene.mount_into_container(&data.display().to_string(), "mnt");
    scene.open_vault();
    scene.mount();
    (scene, data)
}

const INSIDE: &str = "/mnt";

#[test]
fn a_directory_that_was_removed_and_made_again() {
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    scene.stop();
    make_anew(&data);
    scene.mount();
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
}

/// A protected directory holds one that the host has mounted on itself, as who shares what is mounted below it: a walk from
/// above does not enter it.
#[test]
fn a_directory_that_is_a_mount_point_of_the_host() {
    let (mut scene, data) = with_data();
    let inner = data.join("inner");
    on_host(|| {
        fs::create_dir(&inner).unwrap();
        corpus(FILES)(&inner);
    });
    wait_until_kept(&scene, &data);
    scene.stop();
    bind(&inner, &inner);
    scene.mount_into_container(&inner.display().to_string(), "inner");
    scene.mount();
    wait_until_kept(&scene, &inner);
    on_host(|| {
        fs::create_dir_all(inner.join("later/deep")).unwrap();
        corpus(FILES)(&inner.join("later/deep"));
    });
    assert_comes_back(&mut scene, &inner, Path::new("/inner"));
    scene.stop();
    unmount(&inner);
}

/// The container that is running has the directory that is gone; the one after it has the new one.
#[test]
fn a_directory_that_was_removed_and_made_again_under_a_running_container() {
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    make_anew(&data);
    scene.redeploy();
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
}

/// The container still has the one that was moved; another has the one that took its name.
#[test]
fn a_directory_that_was_moved_away_and_replaced() {
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    let moved = scene.home.join("elsewhere");
    on_host(|| {
        fs::rename(&data, &moved).unwrap();
        fs::create_dir(&data).unwrap();
        corpus(FILES)(&data);
    });
    assert_comes_back(&mut scene, &moved, Path::new(INSIDE));
    scene.redeploy();
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
    assert_eq!(files(&manifest_of(&moved), &moved).len(), FILES);
}

/// Below a protected directory, as volumes are.
#[test]
fn a_volume_of_the_same_name_made_again() {
    let mut scene = Scene::empty_volume();
    let volumes = scene.home.join("volumes");
    let data = volumes.join("name/_data");
    fs::create_dir_all(&data).unwrap();
    corpus(FILES)(&data);
    scene.protect(volumes.clone());
    scene.mount_into_container(&data.display().to_string(), "mnt");
    scene.open_vault();
    scene.mount();
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
    scene.stop();
    on_host(|| {
        fs::remove_dir_all(volumes.join("name")).unwrap();
        fs::create_dir_all(&data).unwrap();
        corpus(FILES)(&data);
    });
    scene.mount();
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
}

/// It leaves the protected directory, and the container that has it goes on.
#[test]
fn a_directory_that_leaves_the_protected_one() {
    let mut scene = Scene::empty_volume();
    let volumes = scene.home.join("volumes");
    let data = volumes.join("name/_data");
    fs::create_dir_all(&data).unwrap();
    corpus(FILES)(&data);
    scene.protect(volumes);
    scene.mount_into_container(&data.display().to_string(), "mnt");
    scene.open_vault();
    scene.mount();
    wait_until_kept(&scene, &data);
    let moved = scene.home.join("elsewhere");
    on_host(|| fs::rename(&data, &moved).unwrap());
    assert!(
        eventually(|| scene.vault().health().mounts_watched > 1),
        "it is not protected where it is"
    );
    assert_comes_back(&mut scene, &moved, Path::new(INSIDE));
}

#[test]
fn a_single_file_that_is_mounted() {
    let mut scene = Scene::empty_volume();
    let (folder, file) = (scene.home.join("conf"), scene.home.join("conf/app.ini"));
    fs::create_dir(&folder).unwrap();
    fs::write(&file, "color = blue\n".repeat(100)).unwrap();
    scene.mount_into_container(&file.display().to_string(), "etc/app.ini");
    scene.open_vault();
    scene.mount();
    for round in 0..2 {
        assert!(
            eventually(|| scene.vault().standing(&file) == Standing::Restorable),
            "{round} {:?}",
            scene.vault().refused_mounts()
        );
        let before = manifest_of(&folder);
        let scope = scene.attack(|actor| actor.encrypt(Path::new("/etc/app.ini")));
        assert_ne!(fs::read(&file).unwrap(), before[&b"app.ini"[..]].content);
        let report = scene.restore(scope);
        let differs = difference(&before, &manifest_of(&folder));
        assert!(differs.is_empty(), "{differs:#?} {:?}", refused(&report));
        // As an editor saves it.
        on_host(|| {
            let draft = folder.join(".app.ini.new");
            fs::write(&draft, "color = red\n".repeat(120)).unwrap();
            fs::rename(&draft, &file).unwrap();
        });
        scene.redeploy();
    }
    assert_eq!(scene.vault().refused_mounts(), []);
}

#[test]
fn directories_mounted_one_in_the_other() {
    let mut scene = Scene::empty_volume();
    let (outer, inner) = (scene.home.join("outer"), scene.home.join("inner"));
    fs::create_dir_all(outer.join("sub")).unwrap();
    fs::create_dir(&inner).unwrap();
    corpus(FILES)(&outer.join("own"));
    corpus(FILES)(&inner);
    scene.mount_into_container(&outer.display().to_string(), "mnt");
    scene.mount_into_container(&inner.display().to_string(), "mnt/sub");
    scene.open_vault();
    scene.mount();
    assert_comes_back(&mut scene, &inner, Path::new("/mnt/sub"));
    assert_comes_back(&mut scene, &outer.join("own"), Path::new("/mnt/own"));
    make_anew(&inner);
    scene.redeploy();
    assert_comes_back(&mut scene, &inner, Path::new("/mnt/sub"));
}

#[test]
fn a_directory_mounted_into_a_container_that_runs() {
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    let later = scene.home.join("later");
    fs::create_dir(&later).unwrap();
    corpus(FILES)(&later);
    scene.container().mount_later(&later, Path::new("/late"));
    assert_comes_back(&mut scene, &later, Path::new("/late"));
}

/// A file system of its own is mounted over a protected directory, and a container has what lies under it.
#[test]
fn a_directory_that_is_mounted_over() {
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    let (aside, over) = (scene.home.join("aside"), scene.home.join("over"));
    for path in [&aside, &over] {
        fs::create_dir(path).unwrap();
    }
    // To look at what lies under it.
    bind(&data, &aside);
    corpus(3)(&over);
    bind(&over, &data);
    assert_comes_back(&mut scene, &aside, Path::new(INSIDE));
    scene.redeploy();
    assert_comes_back(&mut scene, &over, Path::new(INSIDE));
    [&data, &aside].into_iter().for_each(|path| unmount(path));
}

#[test]
fn a_protected_directory_that_was_removed_and_made_again() {
    let mut scene = Scene::empty_host();
    let top = scene.home.join("asked/www");
    fs::create_dir_all(top.join("data")).unwrap();
    corpus(FILES)(&top.join("data"));
    scene.protect(top.clone());
    scene.open_vault();
    assert_comes_back(&mut scene, &top.join("data"), &top.join("data"));
    for above in [top.clone(), scene.home.join("asked")] {
        on_host(|| {
            fs::remove_dir_all(&above).unwrap();
            fs::create_dir_all(top.join("data")).unwrap();
            corpus(FILES)(&top.join("data"));
        });
        assert_comes_back(&mut scene, &top.join("data"), &top.join("data"));
    }
}

#[test]
fn a_protected_directory_that_comes_later_or_is_mounted_over() {
    let mut scene = Scene::empty_host();
    let top = scene.home.join("asked/www");
    scene.protect(top.clone());
    scene.open_vault();
    on_host(|| {
        fs::create_dir_all(top.join("part")).unwrap();
        corpus(FILES)(&top.join("part"));
    });
    assert_comes_back(&mut scene, &top.join("part"), &top.join("part"));
    assert_eq!(scene.vault().refused_mounts(), []);
    on_host(|| {
        mount_tmpfs(&top.join("part"));
        corpus(FILES)(&top.join("part"));
    });
    assert_comes_back(&mut scene, &top.join("part"), &top.join("part"));
    unmount(&top.join("part"));
    assert_comes_back(&mut scene, &top.join("part"), &top.join("part"));
}

/// Its directory is another one, which nobody asked for: opens by this name are not seen.
#[test]
fn a_single_file_that_is_mounted_below_a_protected_directory_is_said() {
    let mut scene = Scene::empty_host();
    let [top, other] = ["asked/www", "other"].map(|name| scene.home.join(name));
    for directory in [&top, &other] {
        fs::create_dir_all(directory).unwrap();
        corpus(FILES)(directory);
    }
    fs::write(other.join("foreign"), "elsewhere\n").unwrap();
    fs::write(top.join("own"), "here\n").unwrap();
    for name in ["a", "b"] {
        fs::write(top.join(name), "").unwrap();
    }
    on_host(|| {
        bind(&other.join("foreign"), &top.join("a"));
        bind(&top.join("own"), &top.join("b"));
    });
    scene.protect(top.clone());
    scene.open_vault();
    wait_for_health(&scene, |health| health.places_unwatched == 1);
    let refused = scene.vault().refused_mounts();
    assert!(refused[0].path.ends_with(b"/www/a"), "{refused:?}");
    assert!(refused[0].reason.contains("single file"), "{refused:?}");
    unmount(&top.join("a"));
    wait_for_health(&scene, |health| health.places_unwatched == 0);
    unmount(&top.join("b"));
}

/// Whoever removes a protected directory with all that is in it has it made again by the restore.
#[test]
fn a_protected_directory_that_the_attack_removed() {
    let mut scene = Scene::empty_host();
    let top = scene.home.join("asked/www");
    fs::create_dir_all(&top).unwrap();
    corpus(FILES)(&top);
    scene.protect(top.clone());
    scene.open_vault();
    let before = wait_until_kept(&scene, &top);
    let scope = scene.attack(|_| {
        fs::remove_dir_all(&top).unwrap();
        fs::create_dir(&top).unwrap();
        fs::write(top.join("README"), "pay").unwrap();
    });
    let report = scene.restore(scope);
    let differs = difference(&before, &manifest_of(&top));
    assert!(differs.is_empty(), "{differs:#?} {:?}", refused(&report));
}

/// What the kernel has for the vault's groups: marks, and the bytes of this process.
fn marks() -> usize {
    let groups = fs::read_dir("/proc/self/fdinfo").unwrap();
    let texts = groups.filter_map(|group| fs::read_to_string(group.unwrap().path()).ok());
    texts.map(|text| text.matches("fanotify ino:").count()).sum()
}

#[test]
fn twenty_redeployments_in_a_row() {
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    let (watched, first) = (scene.vault().health().mounts_watched, marks());
    for _ in 0..20 {
        make_anew(&data);
        scene.redeploy();
    }
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
    let settled =
        eventually(|| scene.vault().health().mounts_watched == watched && marks() <= first + FILES * 4);
    let now = scene.vault().health().mounts_watched;
    assert!(
        settled,
        "mounts {watched} then {now}, marks {first} then {}",
        marks()
    );
}

/// The vault's own groups, which the kernel has in this process too.
fn groups() -> Vec<i32> {
    let all = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let marks_something = |entry: &fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        text.contains("fanotify ino:") || text.contains("fanotify sdev:")
    };
    let found = all.filter(marks_something);
    found
        .map(|entry| entry.file_name().to_str().unwrap().parse().unwrap())
        .collect()
}

/// As a file system that went away and came back loses its marks; `kind` is 0 for those of files and directories.
fn lose_marks(kind: u32) {
    for group in groups() {
        let flush = libc::FAN_MARK_FLUSH | kind;
        // SAFETY: takes integers and no string.
        let done = unsafe { libc::fanotify_mark(group, flush, 0, libc::AT_FDCWD, std::ptr::null()) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    }
}

#[track_caller]
fn wait_for_health(scene: &Scene, so: impl Fn(&norn_vault::VaultHealth) -> bool) {
    let done = eventually(|| so(&scene.vault().health()));
    assert!(done, "{:?}", scene.vault().health());
}

/// Nobody tells of a mark that went: what the kernel has is read back.
#[test]
fn marks_that_went_are_found_out_and_set_again() {
    let mut scene = Scene::empty_volume();
    let (data, file) = (scene.home.join("apart/data"), scene.home.join("apart/app.ini"));
    fs::create_dir_all(data.join("deep/deeper")).unwrap();
    corpus(FILES)(&data);
    fs::write(data.join("deep/deeper/one"), "one".repeat(500)).unwrap();
    fs::write(&file, "color = blue\n".repeat(100)).unwrap();
    scene.mount_into_container(&data.display().to_string(), "mnt");
    scene.mount_into_container(&file.display().to_string(), "etc/app.ini");
    scene.open_vault();
    scene.mount();
    wait_until_kept(&scene, &data);
    wait_for_health(&scene, |health| {
        health.files_present > FILES as u64 && health.files_unkept == 0
    });
    let before = scene.vault().health();
    assert_eq!((before.unwatched, before.rewatched), (0, 0), "{before:?}");
    lose_marks(0);
    lose_marks(libc::FAN_MARK_FILESYSTEM);
    // It shows what it found before it mended.
    scene.vault().look_at_all();
    let found = scene.vault().health();
    assert!(
        found.unwatched >= 5 && found.files_unkept > FILES as u64,
        "{found:?}"
    );
    assert!(found.rewatched >= 5, "{found:?}");
    assert!(
        found.files_counted_at_us > before.files_counted_at_us,
        "{found:?}"
    );
    assert!(before.files_counted_at_us > 0, "{before:?}");
    assert!(found.mounts_watched > 0, "{found:?}");
    scene.vault().look_at_all();
    wait_for_health(&scene, |health| health.unwatched == 0 && health.files_unkept == 0);
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
    let before = fs::read(&file).unwrap();
    let scope = scene.attack(|actor| actor.encrypt(Path::new("/etc/app.ini")));
    assert_ne!(fs::read(&file).unwrap(), before);
    scene.restore(scope);
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// A thousand mounts come and go in a container while another directory is mounted into it and attacked.
#[test]
fn a_storm_of_mounts() {
    const STORM: u64 = 1000;
    let (mut scene, data) = with_data();
    wait_until_kept(&scene, &data);
    let told = scene.vault().health().mounts_told;
    let later = scene.home.join("later");
    fs::create_dir(&later).unwrap();
    corpus(FILES)(&later);
    let storm = || {
        scene.container().enter();
        fs::create_dir_all("/storm").unwrap();
        for _ in 0..STORM {
            bind(Path::new(INSIDE), Path::new("/storm"));
            unmount(Path::new("/storm"));
        }
    };
    on_host(storm);
    scene.container().mount_later(&later, Path::new("/late"));
    on_host(storm);
    assert_comes_back(&mut scene, &later, Path::new("/late"));
    assert_comes_back(&mut scene, &data, Path::new(INSIDE));
    // Each was told of; those that went at once were seen by nobody, which is said.
    wait_for_health(&scene, |health| health.mounts_told - told > 2 * STORM);
    let health = scene.vault().health();
    assert!(
        health.mounts_unread > 0 && health.mounts_unread <= 2 * STORM,
        "{health:?}"
    );
    assert_eq!(health.events_lost, 0, "{health:?}");
}
