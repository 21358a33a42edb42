use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::*;
use crate::guard;

fn with_corpus(name: &str, files: u32, test: impl FnOnce(&Path)) {
    let dir = std::env::temp_dir().join(format!("norn-corpus-{}-{name}", std::process::id()));
    prepare(&dir, files).unwrap();
    test(&dir);
    fs::remove_dir_all(&dir).unwrap();
}

fn ending(dir: &Path, extension: &str) -> PathBuf {
    let mut found = guard::files(dir).unwrap().into_iter();
    found
        .find(|path| path.extension().is_some_and(|it| it == extension))
        .unwrap()
}

#[test]
fn holds_as_many_names_as_asked_for_and_one_of_each_oddity() {
    with_corpus("odd", 100, |dir| {
        let files = guard::files(dir).unwrap();
        assert_eq!(files.len(), 100);
        let stat: Vec<_> = files.iter().map(|path| fs::metadata(path).unwrap()).collect();
        assert!(stat.iter().any(|it| it.size() == 0));
        assert!(stat.iter().any(|it| it.size() == 1));
        assert!(stat.iter().any(|it| it.size() >= LARGE_BYTES as u64));
        assert!(
            stat.iter()
                .any(|it| it.size() == SPARSE_BYTES && it.blocks() * 512 < SPARSE_BYTES / 8)
        );
        assert!(stat.iter().any(|it| it.nlink() == 2));
        let names: Vec<_> = files.iter().filter_map(|path| path.file_name()).collect();
        assert!(names.iter().any(|name| name.to_str().is_none()));
        assert!(names.iter().any(|name| name.as_bytes().contains(&b'\n')));
        let modes: HashSet<_> = stat.iter().map(|it| it.mode() & 0o7777).collect();
        assert!(modes.len() > 8);
    });
}

#[test]
fn an_attack_by_name_meets_the_oddities_first() {
    with_corpus("first", 300, |dir| {
        let first: Vec<_> = guard::files(dir).unwrap().into_iter().take(10).collect();
        let stat: Vec<_> = first.iter().map(|path| fs::metadata(path).unwrap()).collect();
        assert_eq!(stat.iter().filter(|it| it.nlink() == 2).count(), 2);
        for size in [0, 1, SPARSE_BYTES] {
            assert!(stat.iter().any(|it| it.size() == size), "{size}");
        }
        assert!(stat.iter().any(|it| it.size() >= LARGE_BYTES as u64));
        assert!(first.iter().any(|path| path.to_str().is_none()));
    });
}

#[test]
fn is_the_same_each_time() {
    let read = |dir: &Path| -> Vec<_> {
        guard::files(dir)
            .unwrap()
            .iter()
            .map(|path| fs::read(path).unwrap())
            .collect()
    };
    let mut first = Vec::new();
    with_corpus("once", 60, |dir| first = read(dir));
    with_corpus("twice", 60, |dir| assert_eq!(first, read(dir)));
}

#[test]
fn refuses_a_directory_that_holds_something() {
    with_corpus("full", 1, |dir| assert!(prepare(dir, 1).is_err()));
}

/// The programs that know the formats judge them; Debian's own, or the test says that one is missing.
#[test]
fn databases_and_archives_are_sound() {
    with_corpus("sound", 60, |dir| {
        let judge = |program: &str, args: &[&str], extension: &str| {
            let output = Command::new(program)
                .args(args)
                .arg(ending(dir, extension))
                .output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            assert!(
                output.status.success(),
                "{extension}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        judge("gzip", &["-t"], "gz");
        for extension in ["zip", "docx", "xlsx"] {
            let bytes = fs::read(ending(dir, extension)).unwrap();
            let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
            for at in 0..archive.len() {
                std::io::copy(&mut archive.by_index(at).unwrap(), &mut std::io::sink()).unwrap();
            }
        }
        let seven = fs::read(ending(dir, "7z")).unwrap();
        sevenz_rust2::ArchiveReader::new(std::io::Cursor::new(seven), sevenz_rust2::Password::empty())
            .unwrap()
            .read_file("backup.txt")
            .unwrap();
    });
}

#[test]
fn a_large_corpus_has_small_files() {
    assert_eq!(sizes(300), (2_048, 48 * 1024));
    let (least, more) = sizes(100_000);
    assert!((least + more / 2) * 100_000 < 512 << 20);
}
