//! Large files where the file system lets files share their blocks: kept whole, whatever their size, and nothing is copied.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::support::{Place, Scene, refused};
use norn_events::wire::action::v1::Verdict;
use norn_vault::{FILE_BYTES_MAX, RestoreReport, Standing};
use xxhash_rust::xxh3::Xxh3;

const MIB: u64 = 1 << 20;
const KINDS: [&str; 2] = ["xfs", "btrfs"];
/// Above what is ever copied; and what is copied, but not at rest.
const HUGE: u64 = FILE_BYTES_MAX + 16 * MIB;
const LARGE: u64 = 8 * MIB;

/// Of no two blocks the same bytes.
fn write(path: &Path, seed: u64, bytes: u64) {
    let mut file = File::create(path).unwrap();
    let mut state = seed;
    let mut chunk = vec![0_u8; MIB as usize];
    for word in chunk.chunks_exact_mut(8) {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(seed);
        word.copy_from_slice(&state.to_le_bytes());
    }
    for number in 0..bytes / MIB {
        for block in chunk.chunks_exact_mut(4096) {
            block[..8].copy_from_slice(&number.to_le_bytes());
        }
        file.write_all(&chunk).unwrap();
    }
    file.sync_all().unwrap();
}

fn make(dir: &Path) {
    write(&dir.join("huge"), 1, HUGE);
    for (number, name) in ["overwritten", "cut", "deleted"].into_iter().enumerate() {
        write(&dir.join(name), number as u64 + 2, LARGE);
    }
}

/// Name, size, time and hash of each.
fn look(dir: &Path) -> Vec<(String, u64, i64, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (file, about) = (File::open(entry.path()).unwrap(), entry.metadata().unwrap());
        let (mut hash, mut chunk, mut at) = (Xxh3::new(), vec![0_u8; MIB as usize], 0);
        loop {
            let count = file.read_at(&mut chunk, at).unwrap();
            if count == 0 {
                break;
            }
            hash.update(&chunk[..count]);
            at += count as u64;
        }
        let name = entry.file_name().into_string().unwrap();
        found.push((name, about.len(), about.mtime_nsec(), hash.digest()));
    }
    found.sort();
    found
}

fn assert_restored(kind: &str, place: Place, report: &RestoreReport, files: usize) {
    assert_eq!(refused(report), [], "{kind} {place:?}");
    assert_eq!(report.count(Verdict::Restored), files, "{kind} {place:?}");
}

#[test]
fn large_files_are_kept_whole_and_not_copied() {
    for kind in KINDS {
        for place in [Place::Host, Place::Upper] {
            let mut scene = Scene::on(kind, place, make);
            let (data, before) = (scene.data(), look(&scene.data()));
            let standing = scene.vault().standing(&data.join("huge"));
            assert_eq!(standing, Standing::Restorable, "{kind} {place:?}");
            let bytes = scene.vault().health().bytes;
            let scope = scene.attack(|actor| {
                let huge = fs::OpenOptions::new()
                    .write(true)
                    .open(data.join("huge"))
                    .unwrap();
                for at in [0, 100 * MIB, HUGE - 4096] {
                    huge.write_all_at(&[0x55; 4096], at).unwrap();
                }
                let file = fs::OpenOptions::new().write(true).open(data.join("overwritten"));
                file.unwrap()
                    .write_all_at(&vec![0x66; LARGE as usize], 0)
                    .unwrap();
                // Nobody ever opened these.
                actor.truncate(&data.join("cut"), 100);
                actor.unlink(&data.join("deleted"));
            });
            let grown = scene.vault().health().bytes - bytes;
            assert!(grown < MIB, "{kind} {place:?}: {grown} bytes were copied");
            // The journal knows them again.
            scene.close_vault();
            scene.open_vault();
            scene.settle();
            let report = scene.restore(scope);
            assert_restored(kind, place, &report, 4);
            assert_eq!(look(&data), before, "{kind} {place:?}");
        }
    }
}

/// What a restore replaces is kept the same way.
// @norn-strict
#[test]
fn the_restore_of_a_huge_file_can_be_undone() {
    let mut scene = Scene::on("xfs", Place::Host, |dir| write(&dir.join("huge"), 1, HUGE));
    let (data, before) = (scene.data(), look(&scene.data()));
    let scope = scene.attack(|_| {
        let huge = fs::OpenOptions::new().write(true).open(data.join("huge"));
        huge.unwrap().write_all_at(&[0x55; 4096], MIB).unwrap();
    });
    let spoiled = look(&data);
    let report = scene.restore(scope);
    assert_restored("xfs", Place::Host, &report, 1);
    assert_eq!(look(&data), before);
    let undone = scene.restore(report.id);
    assert_restored("xfs", Place::Host, &undone, 1);
    assert_eq!(look(&data), spoiled);
}
