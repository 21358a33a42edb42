//! What tools of packages do: originals that they seal one by one or all at once, and what others tell them to write.
use super::*;

#[test]
fn a_cipher_with_rm_behind_it_over_a_few_files_does_not_fire_and_with_a_note_in_each_directory_does() {
    for tool in ["/usr/bin/gpg", "/usr/bin/openssl", "/usr/bin/age"] {
        encrypts_in_a_loop(tool);
    }
}

fn encrypts_in_a_loop(tool: &'static str) {
    let mut world = World::with(&[tool, "/usr/bin/rm"], None);
    let shell = world.process("/usr/bin/bash", None);
    let encrypt = |world: &mut World, number: u32| {
        let cipher = world.process(tool, Some(shell));
        world.flagged(cipher, ImageFlag::New as u32);
        world.create(cipher, &format!("/srv/{}/{number}.txt.gpg", number % 5), CIPHER);
        let remover = world.process("/usr/bin/rm", Some(shell));
        world.unlink(remover, &format!("/srv/{}/{number}.txt", number % 5), TEXT);
    };
    (0..30).for_each(|number| encrypt(&mut world, number));
    assert!(world.firing().is_none());
    for folder in 0..5 {
        world.create(shell, &format!("/srv/{folder}/READ_ME.txt"), TEXT);
    }
    (30..40).for_each(|number| encrypt(&mut world, number));
    assert_eq!(world.firing().expect("fires").scope, world.uid(shell));
}

/// How many of 200 originals were sealed before it fired, and whether the script that had it done is blamed.
fn sealed(
    tool: &'static str,
    made: (&str, ContentShape),
    (path, apart_ns): (&str, u64),
) -> Option<(u32, bool)> {
    let mut world = World::with(&[tool, "/usr/bin/rm"], None);
    let terminal = world.process("/usr/bin/bash", None);
    let script = world.process("/usr/bin/bash", Some(terminal));
    (0..200).find_map(|number| {
        let original = path.replace('*', &number.to_string());
        let cipher = world.process(tool, Some(script));
        world.create(cipher, &made.0.replace('*', &original), made.1);
        world.end(cipher);
        let remover = world.process("/usr/bin/rm", Some(script));
        world.unlink(remover, &original, TEXT);
        world.now_ns += apart_ns;
        let firing = world.firing()?;
        Some((firing.files_changed, firing.scope == world.uid(script)))
    })
}

#[test]
fn many_originals_that_packaged_tools_seal_one_by_one_are_an_attack_of_who_had_it_done() {
    const LOCKED: ContentShape = ContentShape {
        format: ContentFormat::Locked,
        ..ARCHIVE
    };
    for (tool, made) in [
        ("/usr/bin/gpg", ("*.gpg", CIPHER)),
        ("/usr/bin/openssl", ("*.enc", CIPHER)),
        ("/usr/bin/zip", ("*.zip", LOCKED)),
        ("/usr/bin/7z", ("*.7z", LOCKED)),
    ] {
        let (files, of_script) = sealed(tool, made, ("/srv/*.csv", 0)).expect("fires");
        assert!(files <= 36 && of_script, "{tool}: {files}");
        let slowly = sealed(tool, made, ("/srv/*.csv", 6_000_000_000));
        assert_eq!(slowly, None, "ten a minute, by {tool}");
        let logs = sealed(tool, made, ("/var/log/app/*.log", 0));
        assert_eq!(logs, None, "logs, by {tool}");
    }
    let compressed = sealed("/usr/bin/brotli", ("*.br", CIPHER), ("/srv/*.csv", 0));
    assert_eq!(compressed, None, "in a form without a magic");
    let plain = sealed("/usr/bin/zip", ("*.zip", ARCHIVE), ("/srv/*.csv", 0));
    assert_eq!(plain, None, "without a password");
}

#[test]
fn who_seals_the_copies_that_it_had_made_itself_never_fires_and_who_seals_anothers_does() {
    for (own, fires) in [(true, false), (false, true)] {
        let mut world = World::with(&["/usr/bin/gpg", "/usr/bin/rm"], None);
        let terminal = world.process("/usr/bin/bash", None);
        let [script, other] = [(); 2].map(|()| world.process("/usr/bin/bash", Some(terminal)));
        let copier = world.process("/usr/bin/cp", Some(if own { script } else { other }));
        (0..150).for_each(|number| world.create(copier, &format!("/srv/{number}.rst"), TEXT));
        for number in 0..150 {
            let cipher = world.process("/usr/bin/gpg", Some(script));
            world.create(cipher, &format!("/srv/{number}.rst.gpg"), CIPHER);
            let remover = world.process("/usr/bin/rm", Some(script));
            world.unlink(remover, &format!("/srv/{number}.rst"), TEXT);
        }
        assert_eq!(world.firing().is_some(), fires, "own: {own}");
    }
}

#[test]
fn one_archive_with_a_password_of_many_files_never_fires() {
    let mut world = World::with(&["/usr/bin/7z"], None);
    let shell = world.process("/usr/bin/bash", None);
    let archiver = world.process("/usr/bin/7z", Some(shell));
    world.create(
        archiver,
        "/srv/all.7z",
        ContentShape {
            format: ContentFormat::Locked,
            ..CIPHER
        },
    );
    (0..300).for_each(|number| world.unlink(archiver, &format!("/srv/{number}.csv"), TEXT));
    assert!(world.firing().is_none());
}

#[test]
fn a_zip_with_a_password_beside_its_original_is_its_pair_by_the_name_without_ending() {
    let locked = ContentShape {
        format: ContentFormat::Locked,
        ..ARCHIVE
    };
    let mut world = World::with(&["/usr/bin/zip"], None);
    let script = world.process("/usr/bin/bash", None);
    for number in 0..40 {
        let zip = world.process("/usr/bin/zip", Some(script));
        world.create(zip, &format!("/srv/{number}.zip"), locked);
        let remover = world.process("/usr/bin/rm", Some(script));
        world.unlink(remover, &format!("/srv/{number}.docx"), TEXT);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(script));
}

#[test]
fn a_packaged_program_that_is_told_what_to_write_is_no_better_than_who_tells_it() {
    for program in ["/usr/bin/sqlite3", "/usr/bin/vim.basic", "/usr/bin/sed"] {
        let mut world = World::with(&[program], None);
        let script = world.process("/usr/bin/bash", None);
        for number in 0..9 {
            let writer = world.process(program, Some(script));
            world.overwrite(writer, &format!("/srv/data/{number}.txt"), (TEXT, CIPHER));
        }
        let firing = world.firing().unwrap_or_else(|| panic!("{program} fires"));
        assert_eq!(firing.scope, world.uid(script), "{program}");
    }
}
