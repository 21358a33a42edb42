use norn_events::{ContentFormat, ContentShape};

use super::is_lost;
use crate::ransomware::passing::is_passing;
use crate::testing::{EMPTY, TEXT, World};

const KINDS: [&str; 4] = ["txt", "pdf", "csv", "png"];

fn path(number: usize, kinds: usize) -> String {
    format!("/srv/data/{}/{number}.{}", number % 5, KINDS[number % kinds])
}

#[test]
fn files_of_several_kinds_that_are_only_emptied_are_wiped_whatever_the_program() {
    for program in [
        "/tmp/w",
        "/usr/bin/python3.11",
        "/usr/bin/truncate",
        "/usr/bin/bash",
        "/usr/bin/busybox",
    ] {
        let mut world = World::with(&["/usr/bin/truncate", "/usr/bin/bash"], None);
        let shell = world.process("/usr/bin/bash", None);
        let wiper = world.process(program, Some(shell));
        (0..16).for_each(|number| world.overwrite(wiper, &path(number, 4), (TEXT, EMPTY)));
        let firing = world.firing().unwrap_or_else(|| panic!("{program} fires"));
        assert_eq!(firing.scope, world.uid(wiper), "{program}");
        assert!(firing.files_changed <= 10, "{program}: {}", firing.files_changed);
        assert!(firing.summary.contains(" wiped "), "{}", firing.summary);
    }
}

#[test]
fn a_size_set_to_nothing_to_one_byte_or_to_the_most_of_it_is_loss_alike() {
    for left in [0, 1, 3_000, TEXT.size * 55 / 100, TEXT.size * 7 / 8] {
        let mut world = World::new();
        let wiper = world.process("/usr/bin/perl", None);
        (0..16).for_each(|number| world.cut(wiper, &path(number, 4), (TEXT, left)));
        assert!(world.firing().expect("fires").files_changed <= 10, "{left}");
    }
}

#[test]
fn a_file_that_is_deleted_and_made_anew_with_nothing_in_it_is_emptied() {
    let mut world = World::new();
    let script = world.process("/usr/bin/bash", None);
    for number in 0..16 {
        let tool = world.process("/usr/bin/install", Some(script));
        world.unlink(tool, &path(number, 4), TEXT);
        world.create(tool, &path(number, 4), EMPTY);
    }
    let firing = world.firing().expect("fires");
    assert_eq!(firing.scope, world.uid(script));
    assert!(firing.files_changed <= 12, "{}", firing.files_changed);
}

#[test]
fn one_process_a_file_is_blamed_through_who_starts_them() {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let script = world.process("/usr/bin/xargs", Some(shell));
    for number in 0..16 {
        let wiper = world.process("/usr/bin/truncate", Some(script));
        world.cut(wiper, &path(number, 4), (TEXT, 0));
    }
    let firing = world.firing().expect("fires");
    assert_eq!(firing.scope, world.uid(script));
    assert!(firing.files_changed <= 12, "{}", firing.files_changed);
}

#[test]
fn a_file_every_two_seconds_is_slow_and_no_less_lost() {
    let mut world = World::new();
    let wiper = world.process("/usr/bin/python3", None);
    for number in 0..16 {
        world.now_ns += 2_000_000_000;
        world.overwrite(wiper, &path(number, 4), (TEXT, EMPTY));
    }
    assert!(world.firing().expect("fires").files_changed <= 12);
}

#[test]
fn files_of_one_kind_count_when_they_are_more() {
    let mut world = World::new();
    let wiper = world.process("/usr/bin/python3", None);
    (0..15).for_each(|number| world.overwrite(wiper, &path(number, 1), (TEXT, EMPTY)));
    assert!(world.firing().is_none());
    (15..18).for_each(|number| world.overwrite(wiper, &path(number, 1), (TEXT, EMPTY)));
    assert!(world.firing().is_some());
}

#[test]
fn who_empties_to_write_and_who_clears_logs_never_fires() {
    let mut world = World::new();
    let editor = world.process("/usr/bin/python3", None);
    let cleaner = world.process("/usr/bin/truncate", None);
    for number in 0..300 {
        world.cut(editor, &path(number, 4), (TEXT, 0));
        world.overwrite(editor, &path(number, 4), (EMPTY, TEXT));
        for log in [
            format!("/var/log/{number}/a.txt"),
            format!("/srv/app/{number}.log"),
            format!("/srv/app/service.log.{number}"),
            format!("/srv/app/{number}.err"),
            format!("/srv/app/build/{number}.js"),
        ] {
            world.overwrite(cleaner, &log, (TEXT, EMPTY));
        }
    }
    assert!(world.firing().is_none());
}

#[test]
fn a_database_of_a_package_may_empty_its_tables_and_not_everybodys_files() {
    let mut world = World::with(&["/usr/lib/postgresql/15/bin/postgres"], None);
    let database = world.process("/usr/lib/postgresql/15/bin/postgres", None);
    for number in 0..300 {
        let table = ["", "_fsm.dat", "_vm.map"][number % 3];
        world.cut(database, &format!("/var/lib/data/{number}{table}"), (TEXT, 0));
    }
    assert!(world.firing().is_none());
    for number in 0..30 {
        let kind = ["txt", "pdf", "csv", "png", "docx", "xlsx"][number % 6];
        world.cut(database, &format!("/srv/{number}.{kind}"), (TEXT, 0));
    }
    assert!(world.firing().is_some());
}

#[test]
fn a_file_that_is_smaller_after_an_edit_is_not_lost() {
    let text = |size: u64, entropy: f32| ContentShape {
        size,
        entropy,
        format: ContentFormat::Text,
    };
    assert!(!is_lost(&text(40_000, 4.3), &text(19_000, 4.31), false));
    assert!(
        is_lost(&text(40_000, 4.3), &text(19_000, 4.3), false),
        "its beginning is the same"
    );
    assert!(is_lost(&text(4_000, 4.3), &text(1, 0.0), false));
    assert!(
        !is_lost(&text(40_000, 4.3), &text(200, 4.0), false),
        "something short in its place"
    );
    assert!(!is_lost(&text(4_000, 4.3), &text(3_600, 4.2), true), "a tenth");
    assert!(!is_lost(&text(4_000, 4.3), &text(9_000, 4.2), true), "it grew");
}

#[test]
fn what_is_a_log_is_told_by_its_name_or_its_folder() {
    for log in [
        "/var/log/syslog",
        "/srv/a/app.log.3",
        "/srv/a/x.1",
        "/srv/a/x.err",
    ] {
        assert!(is_passing(log.as_bytes()), "{log}");
    }
    for file in ["/srv/logistics/a.txt", "/srv/a.catalog", "/home/me/thesis.docx"] {
        assert!(!is_passing(file.as_bytes()), "{file}");
    }
}

#[test]
fn it_does_not_matter_over_how_many_directories_the_emptied_files_are_spread() {
    for (directories, kinds) in [(200, 2), (400, 1), (20, 4)] {
        for one_each in [false, true] {
            let mut world = World::new();
            let script = world.process("/usr/bin/xargs", None);
            let tool = world.process("/usr/bin/truncate", Some(script));
            for number in 0..40 {
                let by = if one_each {
                    world.process("/usr/bin/truncate", Some(script))
                } else {
                    tool
                };
                let (directory, kind) = ((number * 7_919) % directories, KINDS[number % kinds]);
                world.cut(
                    by,
                    &format!("/srv/a{}/{directory}/{number}.{kind}", directory % 5),
                    (TEXT, 0),
                );
            }
            assert!(
                world.firing().is_some(),
                "{directories} directories, {kinds} kinds, {one_each}"
            );
        }
    }
}

#[test]
fn who_empties_many_and_holds_them_all_is_a_wiper_whatever_the_program() {
    for program in ["/tmp/w", "/usr/bin/tee", "/usr/bin/python3", "/usr/bin/perl"] {
        let mut world = World::new();
        let shell = world.process("/usr/bin/bash", None);
        let wiper = world.process(program, Some(shell));
        (0..23).for_each(|number| world.hold(wiper, &path(number, 4), TEXT));
        assert!(world.firing().is_none(), "{program}: TeX has as many");
        world.hold(wiper, &path(23, 4), TEXT);
        let firing = world.firing().unwrap_or_else(|| panic!("{program} fires"));
        assert_eq!(firing.scope, world.uid(wiper), "{program}");
        assert_eq!(firing.files_changed, 24, "{program}");
        // And closes them when it is stopped.
        (0..24).for_each(|number| world.overwrite(wiper, &path(number, 4), (TEXT, EMPTY)));
        assert!(world.firing().is_none(), "{program}: once");
    }
}

#[test]
fn a_file_that_is_held_and_then_closed_counts_once() {
    let mut world = World::new();
    let wiper = world.process("/usr/bin/python3", None);
    for number in 0..7 {
        world.hold(wiper, &path(number, 4), TEXT);
        world.overwrite(wiper, &path(number, 4), (TEXT, EMPTY));
        world.hold(wiper, &path(number, 4), TEXT);
        world.overwrite(wiper, &path(number, 4), (TEXT, EMPTY));
    }
    assert!(world.firing().is_none());
    (7..10).for_each(|number| world.overwrite(wiper, &path(number, 4), (TEXT, EMPTY)));
    let firing = world.firing().expect("what was closed empty counts as ever");
    assert!(firing.files_changed <= 10, "{}", firing.files_changed);
}

#[test]
fn who_holds_many_to_write_them_never_fires() {
    let mut world = World::new();
    let runtime = world.process("/usr/bin/node", None);
    for round in 0..40 {
        let name = |number: usize| format!("/srv/site/{}", path(round * 20 + number, 4));
        (0..20).for_each(|number| world.hold(runtime, &name(number), TEXT));
        (0..20).for_each(|number| world.overwrite(runtime, &name(number), (TEXT, TEXT)));
    }
    let divider = world.process("/usr/bin/mawk", None);
    (0..400).for_each(|number| world.hold(divider, &format!("/srv/by-customer/{number}.csv"), TEXT));
    let make = world.process("/usr/bin/make", None);
    for document in 0..30 {
        let typesetter = world.process("/usr/bin/pdftex", Some(make));
        for kind in [
            "aux", "toc", "lof", "lot", "out", "idx", "glo", "nav", "snm", "bcf", "pdf",
        ] {
            world.hold(typesetter, &format!("/srv/{document}.{kind}"), TEXT);
        }
    }
    assert!(world.firing().is_none());
}

#[test]
fn files_of_one_kind_that_are_held_count_when_they_are_gathered_from_many_directories() {
    let mut world = World::new();
    let wiper = world.process("/usr/bin/tee", None);
    (0..39).for_each(|number| world.hold(wiper, &format!("/srv/{}/{number}.pdf", number % 9), TEXT));
    assert!(world.firing().is_none());
    world.hold(wiper, "/srv/3/last.pdf", TEXT);
    assert!(world.firing().is_some());
}
