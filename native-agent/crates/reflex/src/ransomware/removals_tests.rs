use norn_events::{ContentFormat, EventKind, ProcessIndex};

use super::*;
use crate::testing::{TEXT, World};

fn add(
    removals: &mut Removals,
    (path, format): (&str, ContentFormat),
    (bars, time_ns): (&[Bar], u64),
) -> usize {
    let exhibit = Exhibit {
        path: path.as_bytes().to_vec(),
        what: String::new(),
    };
    let file = Removed {
        format,
        time_ns,
        chain: Vec::new(),
        exhibit,
    };
    removals.add(file, bars).len()
}

fn text(removals: &mut Removals, path: &str, time_ns: u64) -> usize {
    add(removals, (path, ContentFormat::Text), (&NEWCOMER, time_ns))
}

#[test]
fn a_stranger_must_have_deleted_more_kinds_of_more_content() {
    let formats = [ContentFormat::Text, ContentFormat::Media, ContentFormat::Archive];
    let counts = |formats: &[ContentFormat], kinds: u32| {
        let mut removals = Removals::default();
        (0..40_u32).any(|number| {
            let path = format!("/srv/a.{}", number % kinds);
            let format = formats[number as usize % formats.len()];
            add(&mut removals, (&path, format), (&STRANGER, 1)) > 0
        })
    };
    assert!(counts(&formats, 5));
    assert!(!counts(&formats, 4) && !counts(&formats[..2], 5));
}

#[test]
fn nothing_counts_before_there_are_enough_files_of_enough_kinds_and_then_all_do() {
    let mut removals = Removals::default();
    let paths = [
        "a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt", "g.txt", "h.txt", "i.pdf",
    ];
    assert!(paths.iter().all(|path| text(&mut removals, path, 1) == 0));
    assert_eq!(text(&mut removals, "j.png", 1), 10);
    assert_eq!(text(&mut removals, "k.png", 1), 1);
    let later = PAUSE_MAX_NS + 2;
    assert_eq!(
        text(&mut removals, "l.png", later),
        0,
        "after a pause it begins anew"
    );
}

#[test]
fn what_can_be_made_again_is_no_loss() {
    let mut removals = Removals::default();
    let remade = (0..100).all(|number| text(&mut removals, &format!("/p/node_modules/a.{number}"), 1) == 0);
    assert!(remade);
}

/// Two files in each of two hundred directories, one in each of four hundred, and the like.
fn spread(directories: usize, each: usize, kinds: &[&str]) -> Vec<String> {
    let path = |directory: usize, file: usize| {
        let kind = kinds[file % kinds.len()];
        format!("/srv/d{}/d{directory}/f{file}.{kind}", directory % 7)
    };
    (0..directories)
        .flat_map(|directory| (0..each).map(move |file| path(directory, file)))
        .collect()
}

/// The same files in an order that has nothing to do with where they lie.
fn shuffled(mut paths: Vec<String>) -> Vec<String> {
    paths.sort_by_key(|path| hash_of(path.as_bytes()));
    paths
}

/// How many went before it was stopped, by whoever takes turns.
fn gone_before_a_firing(world: &mut World, by: &[ProcessIndex], paths: &[String]) -> Option<usize> {
    for (number, path) in paths.iter().enumerate() {
        world.unlink(by[number % by.len()], path, TEXT);
        if world.firing().is_some() {
            return Some(number + 1);
        }
    }
    None
}

#[test]
fn documents_deleted_all_over_a_tree_are_a_wipers_however_few_lie_in_each_directory() {
    for (directories, each) in [(200, 2), (400, 1), (20, 20), (100, 4)] {
        for kinds in [&["txt", "doc"][..], &["doc"], &["pdf", "XLSX", "jpg"]] {
            let paths = spread(directories, each, kinds);
            for paths in [paths.clone(), shuffled(paths)] {
                let mut world = World::new();
                let shell = world.process("/usr/bin/bash", None);
                let wiper = world.process("/tmp/w", Some(shell));
                let gone = gone_before_a_firing(&mut world, &[wiper], &paths);
                let at_most = if each == 20 { 160 } else { 40 };
                assert!(
                    gone.is_some_and(|gone| gone <= at_most),
                    "{directories} x {each}, {kinds:?}: {gone:?}"
                );
            }
        }
    }
}

#[test]
fn processes_that_share_the_work_are_blamed_together() {
    for workers in [2, 4, 16] {
        let mut world = World::new();
        let shell = world.process("/usr/bin/bash", None);
        let leader = world.process("/tmp/w", Some(shell));
        let workers: Vec<_> = (0..workers)
            .map(|_| world.process("/tmp/w", Some(leader)))
            .collect();
        for (number, path) in spread(200, 2, &["txt", "doc"]).iter().enumerate() {
            world.unlink(workers[number % workers.len()], path, TEXT);
        }
        let firing = world.firing().expect("fires");
        assert_eq!(firing.scope, world.uid(leader), "{} workers", workers.len());
        assert!(firing.files_changed <= 20, "{}", firing.files_changed);
    }
}

#[test]
fn what_is_of_few_kinds_and_no_document_or_a_copy_of_one_or_in_few_places_is_let_go() {
    let few_places: Vec<String> = (0..300)
        .map(|number| format!("/srv/{}/{number}.jpg", number % 7))
        .collect();
    let many = |name: &str| -> Vec<String> {
        (0..300)
            .map(|number| name.replace('#', &number.to_string()))
            .collect()
    };
    for paths in [
        few_places,
        many("/srv/objects/#/blob"),
        many("/srv/tenant#/backup.zip"),
        many("/srv/api/#/service.pb.go"),
        many("/srv/.ccache/#/a.txt"),
        many("/srv/photos/Thumbnails/#/a.jpg"),
        many("/srv/app/log/#/a.txt"),
        many("/srv/app/build/#/a.pdf"),
        many("/srv/rotated/#/a.1"),
    ] {
        let mut world = World::new();
        let tool = world.process("/tmp/w", None);
        assert_eq!(
            gone_before_a_firing(&mut world, &[tool], &paths),
            None,
            "{}",
            paths[0]
        );
    }
}

#[test]
fn who_is_told_what_to_delete_or_removes_the_directories_too_is_let_go() {
    let paths = spread(200, 2, &["txt", "doc"]);
    for program in [
        "/usr/bin/find",
        "/usr/bin/rm",
        "/usr/bin/python3.11",
        "/usr/bin/git",
        "/tmp/bash",
    ] {
        let mut world = World::new();
        let tool = world.process(program, None);
        assert_eq!(
            gone_before_a_firing(&mut world, &[tool], &paths),
            None,
            "{program}"
        );
    }
    let mut world = World::new();
    let cleaner = world.process("/tmp/clean", None);
    for two in paths.chunks(2) {
        assert_eq!(gone_before_a_firing(&mut world, &[cleaner], two), None);
        let folder = String::from_utf8_lossy(directory(two[0].as_bytes())).into_owned();
        world.event(
            cleaner,
            EventKind::FileUnlink,
            (folder.trim_end_matches('/'), 1, 0),
        );
    }
}

#[test]
fn a_program_that_came_past_the_packages_to_where_they_put_theirs_is_a_wiper_of_documents() {
    for (directories, each, kinds, expected) in [
        (1, 40, &["txt", "pdf", "png"][..], 16),
        (20, 20, &["txt", "doc"], 41),
        (200, 2, &["pdf"], 32),
    ] {
        let paths = spread(directories, each, kinds);
        let gone = |program: &str| {
            let mut world = World::with(&["/usr/local/bin/packaged"], None);
            let shell = world.process("/usr/bin/bash", None);
            let wiper = world.process(program, Some(shell));
            gone_before_a_firing(&mut world, &[wiper], &paths)
        };
        assert_eq!(gone("/usr/local/bin/w"), Some(expected), "{kinds:?}");
        assert_eq!(gone("/usr/local/bin/packaged"), None, "{kinds:?}");
        assert_eq!(gone("/usr/bin/old"), None, "{kinds:?}");
    }
}

#[test]
fn what_an_administrator_installs_may_clear_away_all_but_documents_and_what_it_made() {
    let many = |name: &str| -> Vec<String> {
        let kinds = ["go", "mod", "sum", "yml", "json", "toml", "sh"];
        (0..300)
            .map(|number| format!("{name}{number}.{}", kinds[number % kinds.len()]))
            .collect()
    };
    let mut world = World::new();
    let tool = world.process("/usr/local/bin/tool", None);
    assert_eq!(
        gone_before_a_firing(&mut world, &[tool], &many("/srv/mod/")),
        None
    );
    let paths = spread(40, 5, &["txt", "pdf", "png"]);
    paths.iter().for_each(|path| world.create(tool, path, TEXT));
    assert_eq!(gone_before_a_firing(&mut world, &[tool], &paths), None);
    // An image's own programs are as new as the image.
    let inside = world.process("/usr/local/bin/server", None);
    let inside = world.in_container(inside);
    world.init_of_container(inside);
    let paths = spread(40, 5, &["doc", "csv", "jpg"]);
    assert_eq!(gone_before_a_firing(&mut world, &[inside], &paths), None);
}

/// Deletes one file after another by a process each, started by `above` in turn; and whether it was blamed.
fn told(stranger: &str, above: &[&str], remover: &str) -> Option<(usize, bool)> {
    let mut world = World::new();
    let stranger = world.process(stranger, None);
    for (number, path) in spread(100, 4, &["txt", "pdf", "png", "csv"]).iter().enumerate() {
        let between = above
            .iter()
            .fold(stranger, |parent, image| world.process(image, Some(parent)));
        let by = world.process(remover, Some(between));
        world.unlink(by, path, TEXT);
        if let Some(firing) = world.firing() {
            return Some((number + 1, firing.scope == world.uid(stranger)));
        }
    }
    None
}

#[test]
fn who_has_others_delete_documents_is_blamed_for_it_unless_a_shell_is_between() {
    for stranger in ["/tmp/w", "/usr/local/bin/w"] {
        assert_eq!(told(stranger, &[], "/usr/bin/rm"), Some((64, true)), "{stranger}");
        let by_find = told(stranger, &["/usr/bin/xargs"], "/usr/bin/rm");
        assert_eq!(by_find, Some((64, true)), "{stranger}");
        assert_eq!(told(stranger, &[], "/usr/bin/python3"), Some((64, true)));
        // A session, or a job of a scheduler.
        assert_eq!(told(stranger, &["/usr/bin/bash"], "/usr/bin/rm"), None);
        assert_eq!(told(stranger, &[], "/usr/bin/git"), None);
    }
    assert_eq!(told("/usr/bin/make", &[], "/usr/bin/rm"), None);
}
