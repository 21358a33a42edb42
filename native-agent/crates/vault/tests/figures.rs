//! What the vault costs and how fast it restores, printed: `cargo test -p norn-vault --release --test figures -- --ignored
//! --nocapture --test-threads 1`. Nothing is asserted but that the work was done; ratios within one run are what counts.
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use norn_events::wire::action::v1::Verdict;
use support::{Place, Scene, corpus, files, fork};

const ROUNDS: usize = 3;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn resident_mb() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() / 256
}

/// 20,000 files of 2 KB in 200 directories.
fn archive(home: &Path) -> PathBuf {
    let (tree, tar) = (home.join("tree"), home.join("archive.tar"));
    for number in 0..20_000 {
        let directory = tree.join(format!("{}", number % 200));
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join(format!("file-{number}")),
            format!("{number:0128}").repeat(16),
        )
        .unwrap();
    }
    let run = |command: &mut Command| assert!(command.status().unwrap().success());
    run(Command::new("tar")
        .arg("-C")
        .arg(home)
        .arg("-cf")
        .arg(&tar)
        .arg("tree"));
    fs::remove_dir_all(&tree).unwrap();
    tar
}

fn untar(tar: &Path, to: &Path) -> Duration {
    fs::create_dir_all(to).unwrap();
    let begun = Instant::now();
    let done = Command::new("tar").arg("-C").arg(to).arg("-xf").arg(tar).status();
    let time = begun.elapsed();
    assert!(done.unwrap().success());
    fs::remove_dir_all(to).unwrap();
    time
}

#[test]
#[ignore = "a measurement"]
fn untar_of_new_files() {
    support::wait_as_shipped();
    for place in [Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(1));
        let tar = archive(&scene.home);
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            with.push(untar(&tar, &scene.data().join(format!("with-{round}"))));
            scene.close_vault();
            without.push(untar(&tar, &scene.data().join(format!("without-{round}"))));
            scene.open_vault();
            std::thread::sleep(Duration::from_millis(500));
        }
        let (with, without) = (median(with), median(without));
        let more = (with.as_secs_f64() / without.as_secs_f64() - 1.0) * 100.0;
        println!(
            "untar of 20,000 files, {place:?}: {without:?} without, {with:?} with the vault: {more:+.0} %"
        );
    }
}

/// Opens each file for writing and closes it, in another process; ns an open.
fn open_each(targets: &[PathBuf], home: &Path) -> u64 {
    let report = home.join("open-ns");
    let child = fork(|| {
        let begun = Instant::now();
        for path in targets {
            drop(
                fs::OpenOptions::new()
                    .write(true)
                    .custom_flags(libc::O_NOATIME)
                    .open(path)
                    .unwrap(),
            );
        }
        let each = begun.elapsed().as_nanos() as u64 / targets.len() as u64;
        fs::write(&report, each.to_string()).unwrap();
    });
    assert!(child.ended_well());
    fs::read_to_string(report).unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn write_open_of_a_protected_file() {
    support::wait_as_shipped();
    for place in [Place::Lower, Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(3000));
        let targets = files(&scene.manifest(), &scene.data());
        let home = scene.home.clone();
        let first = open_each(&targets, &home);
        scene.settle();
        let second = open_each(&targets, &home);
        let third = open_each(&targets, &home);
        scene.close_vault();
        open_each(&targets, &home);
        let bare = open_each(&targets, &home);
        println!(
            "write-open + close, {place:?}: {bare} ns bare, {first} first, {second} second, {third} third"
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn write_open_of_a_large_file() {
    support::wait_as_shipped();
    const MIB: usize = 1 << 20;
    for kind in ["ext4", "xfs", "btrfs"] {
        for mib in [2, 16, 128] {
            let mut scene = Scene::on(kind, Place::Host, |_| {});
            let path = scene.data().join("large");
            scene.outsider(|_| {
                let mut file = fs::File::create(&path).unwrap();
                (0..mib).for_each(|byte| file.write_all(&[byte as u8; MIB]).unwrap());
                file.sync_all().unwrap();
            });
            scene.settle();
            let first = open_each(std::slice::from_ref(&path), &scene.home.clone());
            let let_go = scene.vault().health().permission_timeouts;
            println!(
                "{kind}: first write-open of {mib} MiB: {} µs, {let_go} let go",
                first / 1000
            );
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn restore_of_small_files() {
    support::wait_as_shipped();
    for place in [Place::Lower, Place::Upper, Place::Host] {
        let mut scene = Scene::new(place, corpus(2000));
        let targets = files(&scene.manifest(), &scene.data());
        let scope = scene.attack(|actor| {
            actor.ransom(&targets);
        });
        scene.settle();
        let begun = Instant::now();
        let report = scene.restore(scope);
        let time = begun.elapsed();
        let restored = report.count(Verdict::Restored);
        let speed = restored as f64 / time.as_secs_f64();
        println!("restore, {place:?}: {restored} of 2000 files in {time:?}: {speed:.0} a second");
        assert!(restored > 1900, "{:?}", support::refused(&report));
    }
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_files() {
    support::wait_as_shipped();
    let before = resident_mb();
    let begun = Instant::now();
    let mut scene = Scene::new(Place::Host, |dir| {
        for number in 0..100_000 {
            let directory = dir.join(format!("{}", number % 500));
            if number < 500 {
                fs::create_dir(&directory).unwrap();
            }
            let mut file = fs::File::create(directory.join(format!("file-{number}"))).unwrap();
            file.write_all(format!("{number} of a hundred thousand\n").as_bytes())
                .unwrap();
        }
    });
    for _ in 0..20 {
        scene.settle();
    }
    let health = scene.vault().health();
    println!(
        "100,000 files: {} MB resident, {before} before; {} known, after {:?}",
        resident_mb(),
        health.files,
        begun.elapsed()
    );
    let data = scene.data();
    let scope = scene.attack(|actor| {
        for number in 0..20_000 {
            let path = data.join(format!("{}/file-{number}", number % 500));
            actor.encrypt(&path);
        }
    });
    println!("after an attack on 20,000: {} MB resident", resident_mb());
    let report = scene.restore(scope);
    println!(
        "restored {} in {} ms, {} MB resident",
        report.count(Verdict::Restored),
        report.elapsed_ms,
        resident_mb()
    );
}
