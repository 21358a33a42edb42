//! A container has a single file of the host mounted, and the host gives the file's name to another, as an editor saves it: the
//! container keeps the one that has no name any more. What is done to that one is no business of the one that has its name.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::support::{Scene, bind, cipher, eventually, fork, manifest_of, refused, unmount};
use norn_events::wire::action::v1::Verdict;
use norn_events::{ChangeKind, ContentChange, ProcessUid};
use norn_vault::{RestoreReport, RestoreRequest, Standing};

const INSIDE: &str = "/etc/app.ini";

struct Replaced {
    scene: Scene,
    file: PathBuf,
    old: String,
    new: String,
}

fn text(color: &str) -> String {
    format!("color = {color}\n").repeat(100)
}

impl Replaced {
    fn begin() -> Self {
        let mut scene = Scene::empty_volume();
        let file = scene.home.join("conf/app.ini");
        fs::create_dir(scene.home.join("conf")).unwrap();
        let (old, new) = (text("blue"), text("red"));
        fs::write(&file, &old).unwrap();
        scene.mount_into_container(&file.display().to_string(), "etc/app.ini");
        scene.open_vault();
        scene.mount();
        let kept = eventually(|| scene.vault().standing(&file) == Standing::Restorable);
        assert!(kept, "{:?}", scene.vault().refused_mounts());
        Self {
            scene,
            file,
            old,
            new,
        }
    }

    /// By a process of the host that is nobody's attack.
    fn replace(&self) {
        let done = fork(|| {
            let draft = self.file.with_file_name(".app.ini.new");
            fs::write(&draft, &self.new).unwrap();
            fs::rename(&draft, &self.file).unwrap();
        });
        assert!(done.ended_well());
        self.scene.settle();
    }

    fn attack(&mut self) -> ProcessUid {
        let scope = self.scene.attack(|actor| actor.encrypt(Path::new(INSIDE)));
        assert_eq!(self.inside(), cipher(self.old.as_bytes()));
        scope
    }

    /// What the container has at the name.
    fn inside(&self) -> Vec<u8> {
        let pid = self.scene.container().pid;
        fs::read(format!("/proc/{pid}/root{INSIDE}")).unwrap()
    }

    fn restore_over(&self, scopes: Vec<ProcessUid>) -> RestoreReport {
        self.scene.vault().restore(&RestoreRequest {
            scopes,
            over_conflicts: true,
            ..RestoreRequest::default()
        })
    }

    #[track_caller]
    fn assert_hosts_is_untouched(&self) {
        assert_eq!(fs::read_to_string(&self.file).unwrap(), self.new);
        let beside = fs::read_dir(self.file.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1, "something was left beside the file");
    }

    #[track_caller]
    fn assert_container_has_its_own(&self, report: &RestoreReport) {
        assert_eq!(refused(report), []);
        assert_eq!(report.count(Verdict::Restored), 1, "{:?}", report.files);
        assert!(
            report.files[0].reason.contains("where it is mounted"),
            "{:?}",
            report.files
        );
        assert_eq!(String::from_utf8(self.inside()).unwrap(), self.old);
        self.assert_hosts_is_untouched();
    }
}

#[test]
fn one_that_was_replaced_before_the_attack_comes_back_where_it_is_and_the_new_one_stays() {
    let mut replaced = Replaced::begin();
    replaced.replace();
    let scope = replaced.attack();
    let report = replaced.restore_over(vec![scope]);
    replaced.assert_container_has_its_own(&report);
    let again = replaced.restore_over(vec![scope]);
    assert_eq!(again.count(Verdict::Unchanged), 1, "{:?}", again.files);
    let undone = replaced.restore_over(vec![report.id]);
    assert_eq!(refused(&undone), []);
    assert_eq!(replaced.inside(), cipher(replaced.old.as_bytes()));
    replaced.assert_hosts_is_untouched();
}

#[test]
fn one_that_was_replaced_after_the_attack_comes_back_where_it_is_and_the_new_one_stays() {
    for over_conflicts in [false, true] {
        let mut replaced = Replaced::begin();
        let scope = replaced.attack();
        replaced.replace();
        let report = match over_conflicts {
            true => replaced.restore_over(vec![scope]),
            false => replaced.scene.restore(scope),
        };
        replaced.assert_container_has_its_own(&report);
    }
}

/// No process has the mount any more: there is nothing to be put back, and nothing else is touched.
#[test]
fn one_that_is_out_of_reach_is_said_not_to_be_restored() {
    let mut replaced = Replaced::begin();
    replaced.replace();
    let scope = replaced.attack();
    replaced.scene.stop();
    let report = replaced.restore_over(vec![scope]);
    replaced.assert_hosts_is_untouched();
    assert_eq!(report.count(Verdict::Lost), 1, "{:?}", report.files);
    assert_eq!(report.files.len(), 1, "{:?}", report.files);
    let reason = &report.files[0].reason;
    assert!(reason.contains("lost its name before"), "{reason}");
}

/// Something else lies over the container's mount: there it can't be reached, where the host has it mounted too it can.
#[test]
fn one_that_is_reached_through_another_mount_of_it_comes_back() {
    let mut replaced = Replaced::begin();
    let aside = replaced.scene.home.join("aside.ini");
    fs::write(&aside, "").unwrap();
    bind(&replaced.file, &aside);
    replaced.replace();
    let scope = replaced.attack();
    replaced.scene.stop();
    let report = replaced.restore_over(vec![scope]);
    let found = fs::read_to_string(&aside).unwrap();
    unmount(&aside);
    assert_eq!(refused(&report), []);
    assert_eq!(found, replaced.old);
    replaced.assert_hosts_is_untouched();
}

/// The old one in the container, and by another process of the attack the new one on the host: two files of one name.
#[test]
fn both_files_of_one_name_have_a_verdict_each() {
    let mut replaced = Replaced::begin();
    replaced.replace();
    let kept = eventually(|| replaced.scene.vault().standing(&replaced.file) == Standing::Restorable);
    assert!(kept, "the new file is not kept");
    let inside = replaced.attack();
    let (host, own) = (
        replaced.file.clone(),
        fs::File::open("/proc/self/ns/mnt").unwrap(),
    );
    replaced.scene.process_below(inside, |actor| {
        // SAFETY: takes integers only.
        let left = unsafe { libc::setns(own.as_raw_fd(), libc::CLONE_NEWNS) };
        assert_eq!(left, 0, "{}", std::io::Error::last_os_error());
        actor.encrypt(&host);
    });
    assert_ne!(fs::read(&replaced.file).unwrap(), replaced.new.as_bytes());
    let report = replaced.restore_over(vec![inside]);
    assert_eq!(refused(&report), []);
    assert_eq!(report.count(Verdict::Restored), 2, "{:?}", report.files);
    assert_eq!(String::from_utf8(replaced.inside()).unwrap(), replaced.old);
    replaced.assert_hosts_is_untouched();
}

/// The old one keeps a name, beside the new one.
#[test]
fn one_that_was_moved_aside_comes_back_where_it_was_moved_to() {
    let mut replaced = Replaced::begin();
    let aside = replaced.file.with_file_name("app.ini.bak");
    let moved = fork(|| fs::rename(&replaced.file, &aside).unwrap());
    assert!(moved.ended_well());
    replaced.replace();
    let scope = replaced.attack();
    let report = replaced.restore_over(vec![scope]);
    assert_eq!(refused(&report), []);
    assert_eq!(report.count(Verdict::Restored), 1, "{:?}", report.files);
    assert_eq!(fs::read_to_string(&aside).unwrap(), replaced.old);
    assert_eq!(fs::read_to_string(&replaced.file).unwrap(), replaced.new);
}

/// The kernel tells of truncate(2) nowhere but in the sensor's events, by the container's names.
#[test]
fn files_that_are_emptied_by_their_names_in_the_container_are_told_and_come_back() {
    const FILES: usize = 20;
    let mut scene = Scene::empty_volume();
    let folder = scene.home.join("conf");
    fs::create_dir(&folder).unwrap();
    let (on_host, inside): (Vec<_>, Vec<_>) = (0..FILES)
        .map(|number| {
            let name = format!("app-{number}.ini");
            (folder.join(&name), Path::new("/etc").join(name))
        })
        .unzip();
    for (file, name) in on_host.iter().zip(&inside) {
        fs::write(file, text("blue")).unwrap();
        let name = name.strip_prefix("/").unwrap();
        scene.mount_into_container(&file.display().to_string(), &name.display().to_string());
    }
    scene.open_vault();
    scene.mount();
    let is_kept = |file: &PathBuf| scene.vault().standing(file) == Standing::Restorable;
    assert!(
        eventually(|| on_host.iter().all(is_kept)),
        "{:?}",
        scene.vault().refused_mounts()
    );
    let before = manifest_of(&folder);
    let told = scene.vault().changes();
    let scope = scene.attack(|actor| inside.iter().for_each(|name| actor.truncate(name, 0)));
    let is_emptied = |change: &ContentChange| {
        let is_empty = change.after.is_some_and(|after| after.size == 0);
        change.kind == ChangeKind::Cut && change.before.is_some() && is_empty
    };
    assert_eq!(told.try_iter().filter(is_emptied).count(), FILES);
    let report = scene.restore(scope);
    assert_eq!(refused(&report), []);
    assert_eq!(report.count(Verdict::Restored), FILES, "{:?}", report.files);
    assert_eq!(before, manifest_of(&folder));
}
