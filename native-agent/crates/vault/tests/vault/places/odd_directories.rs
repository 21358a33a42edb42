//! Directories that change the mode of what is made in them: a restore puts everything back in them too, and leaves nothing of
//! its own there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Actor, Place, Scene, assert_same, set_attribute, set_mode_and_time};
use norn_events::wire::action::v1::Verdict;

/// Tag, permissions and user of each entry, as in linux/posix_acl_xattr.h.
type Acl = &'static [(u16, u16, u32)];
const ANY: u32 = u32::MAX;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// By name: mode and default ACL.
const DIRECTORIES: [(&str, u32, Acl); 6] = [
    (
        "owner-may-not-write",
        0o755,
        &[(USER_OBJ, 5, ANY), (GROUP_OBJ, 5, ANY), (OTHER, 5, ANY)],
    ),
    (
        "owner-may-nothing",
        0o755,
        &[(USER_OBJ, 0, ANY), (GROUP_OBJ, 7, ANY), (OTHER, 7, ANY)],
    ),
    (
        "nobody-may-all",
        0o755,
        &[
            (USER_OBJ, 7, ANY),
            (USER, 7, 65_534),
            (GROUP_OBJ, 5, ANY),
            (MASK, 7, ANY),
            (OTHER, 5, ANY),
        ],
    ),
    (
        "mask",
        0o755,
        &[
            (USER_OBJ, 7, ANY),
            (GROUP_OBJ, 7, ANY),
            (MASK, 7, ANY),
            (OTHER, 7, ANY),
        ],
    ),
    ("group", 0o2775, &[]),
    ("sticky-group", 0o3777, &[]),
];

fn acl(entries: Acl) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

fn make(data: &Path) {
    for (name, mode, entries) in DIRECTORIES {
        let directory = data.join(name);
        fs::create_dir_all(directory.join("sub")).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&directory, Some(65_534), Some(65_534)).unwrap();
        // An owner's change takes none of these bits of a directory, a mode's sets them.
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
        if !entries.is_empty() {
            set_attribute(&directory, "system.posix_acl_default", &acl(entries));
        }
        for (file, mode) in [("plain", 0o640), ("tool", 0o4755), ("moved", 0o600)] {
            fs::write(directory.join(file), format!("{name}/{file}").repeat(100)).unwrap();
            set_mode_and_time(&directory.join(file), mode, 1_600_000_000);
        }
        fs::write(directory.join("written"), name.repeat(1000)).unwrap();
    }
}

/// Of a directory that is born in a container nobody saves the mode before it goes.
fn attack(actor: &mut Actor, data: &Path, place: Place) {
    for (name, _, _) in DIRECTORIES {
        let at = |file: &str| data.join(name).join(file);
        for file in ["plain", "tool"] {
            actor.unlink(&at(file));
        }
        fs::write(at("ransom"), "pay").unwrap();
        actor.rename(&at("ransom"), &at("moved"));
        actor.encrypt(&at("written"));
        if place != Place::Upper {
            actor.rmdir(&at("sub"));
        }
    }
}

fn restores(scene: &mut Scene) {
    let before = scene.manifest();
    let (data, place) = (scene.data(), scene.place);
    let scope = scene.attack(|actor| attack(actor, &data, place));
    // SAFETY: takes an integer only. Of this whole process, where scenes follow each other.
    let usual = unsafe { libc::umask(0o777) };
    let report = scene.restore(scope);
    // SAFETY: as above.
    unsafe { libc::umask(usual) };
    let failed: Vec<_> = report
        .files
        .iter()
        .filter(|file| matches!(file.verdict(), Verdict::Lost | Verdict::Conflict))
        .map(|file| (String::from_utf8_lossy(&file.path), &file.reason))
        .collect();
    assert!(failed.is_empty(), "{:?}: {failed:#?}", scene.place);
    assert_same(scene, &before, &report);
}

#[test]
fn a_restore_works_in_directories_that_change_the_mode_of_what_is_made_in_them() {
    for place in [Place::Lower, Place::Upper, Place::Host] {
        restores(&mut Scene::new(place, make));
    }
}
