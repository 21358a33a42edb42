use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{Mode, Pace, run, run_one};
use crate::{corpus, guard};

/// Bytes of a file that its ciphertext may equal by chance: one in 256 for the corpus' file of one byte.
const SAME_BY_CHANCE: usize = 1;

fn with_corpus(name: &str, test: impl FnOnce(&Path, &Path)) {
    let base = std::env::temp_dir().join(format!("norn-attack-{}-{name}", std::process::id()));
    let dir = base.join("corpus");
    fs::create_dir_all(&base).unwrap();
    fs::write(base.join("beside.txt"), "untouched").unwrap();
    corpus::prepare(&dir, 60).unwrap();
    test(&guard::marked(&dir).unwrap(), &base.join("beside.txt"));
    fs::remove_dir_all(&base).unwrap();
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = guard::files(dir).unwrap().into_iter();
    files
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_mode_changes_every_file_of_the_corpus_and_nothing_beside_it() {
    // Its workers run this program again, which here is the test: `one_file` below is what each of them does.
    for &mode in Mode::value_variants()
        .iter()
        .filter(|&&mode| mode != Mode::ProcessPerFile)
    {
        with_corpus(&format!("{mode:?}"), |dir, beside| {
            let before = contents(dir);
            run(dir, Pace::new(mode, Some(0))).unwrap();
            let same: Vec<_> = before
                .iter()
                .filter(|(path, content)| {
                    content.len() > SAME_BY_CHANCE && fs::read(path).ok().as_ref() == Some(content)
                })
                .collect();
            assert_eq!(same.len(), 0, "{mode:?} left {:?}", same[0].0);
            assert_eq!(fs::read_to_string(beside).unwrap(), "untouched");
        });
    }
}

#[test]
fn one_file() {
    with_corpus("one", |dir, beside| {
        let before = contents(dir);
        let (target, content) = before.iter().find(|(_, content)| content.len() > 100).unwrap();
        let pace = Pace::new(Mode::ProcessPerFile, None);
        run_one(dir, target, pace).unwrap();
        assert_ne!(&fs::read(target).unwrap(), content);
        run_one(dir, beside, pace).unwrap_err();
        assert_eq!(fs::read_to_string(beside).unwrap(), "untouched");
    });
}

#[test]
fn a_part_of_a_file_is_every_fourth_block() {
    with_corpus("partial", |dir, _| {
        let path = dir.join("long");
        fs::write(&path, vec![b'a'; 10 * 4096]).unwrap();
        super::write::partial(&path).unwrap();
        let content = fs::read(&path).unwrap();
        let changed: Vec<_> = (0..10)
            .filter(|at| content[at * 4096..][..4096] != [b'a'; 4096])
            .collect();
        assert_eq!(changed, [0, 4, 8]);
    });
}

#[test]
fn base64_of_the_ciphertext_is_text() {
    with_corpus("text", |dir, _| {
        let (path, content) = contents(dir)
            .into_iter()
            .max_by_key(|(_, content)| content.len())
            .unwrap();
        super::write::as_text(&path).unwrap();
        let written = fs::read(&path).unwrap();
        assert!(written.is_ascii());
        assert_eq!(written.len(), content.len().div_ceil(3) * 4);
    });
}

#[test]
fn only_slow_waits_unless_told() {
    assert_eq!(Pace::new(Mode::Slow, None).pause.as_millis(), 1_000);
    assert_eq!(Pace::new(Mode::Slow, Some(5)).pause.as_millis(), 5);
    assert!(Pace::new(Mode::InPlace, None).pause.is_zero());
}
