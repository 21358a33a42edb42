//! What looks like it and is ordinary work.
use super::*;

#[test]
fn compressed_and_converted_documents_whose_originals_are_deleted_never_fire() {
    let mut world = World::new();
    let script = world.process("/usr/bin/bash", None);
    let converter = world.process("/usr/bin/python3", Some(script));
    for number in 0..300 {
        for (original, before, made, after) in [
            ("a.csv", TEXT, "a.csv.gz", ARCHIVE),
            ("b.csv", TEXT, "b.csv.7z", ARCHIVE),
            ("c.txt", TEXT, "c.txt.pdf", PICTURE),
            ("d.png", PICTURE, "d.jpg", PICTURE),
            ("e.jpg", PICTURE, "e.jpg.webp", PICTURE),
            ("f.docx", ARCHIVE, "f.docx", ARCHIVE),
            ("g.jpg", PICTURE, ".g.jpg.Xy12Zz", PICTURE),
        ] {
            world.create(converter, &format!("/srv/{number}/{made}"), after);
            world.unlink(converter, &format!("/srv/{number}/{original}"), before);
        }
        world.overwrite(converter, &format!("/srv/{number}.html"), (TEXT, ARCHIVE));
    }
    assert!(world.firing().is_none());
}

#[test]
fn unpacking_a_tree_of_random_looking_files_never_fires() {
    for tool in ["/usr/bin/gunzip", "/usr/bin/python3"] {
        let mut world = World::with(&["/usr/bin/gunzip"], None);
        let unpacker = world.process(tool, None);
        for number in 0..300 {
            let after = [CIPHER, FEIGNED][number % 2];
            world.create(unpacker, &format!("/srv/{number}.bin"), after);
            world.unlink(unpacker, &format!("/srv/{number}.bin.gz"), ARCHIVE);
        }
        assert!(world.firing().is_none(), "{tool}");
    }
}

/// Texts, and what is larger by as much each time and has no format, elsewhere; then the texts go. By whom the texts were made differs.
fn made_and_cleared_away(by_shell: bool) -> Option<Firing> {
    let mut world = World::new();
    let shell = world.process("/usr/bin/bash", None);
    let node = world.process("/usr/bin/node", Some(shell));
    let maker = if by_shell { shell } else { node };
    for number in 0..60 {
        let (text, other) = (format!("/tmp/x/{number}.txt"), format!("/srv/lib/{number:x}.dat"));
        world.create(maker, &text, TEXT);
        let size = TEXT.size + 200;
        world.create(node, &other, ContentShape { size, ..CIPHER });
        world.unlink(node, &text, TEXT);
    }
    world.firing()
}

#[test]
fn what_is_unpacked_and_cleared_away_beside_random_looking_files_never_fires() {
    assert!(made_and_cleared_away(false).is_none());
    assert!(
        made_and_cleared_away(true).is_some(),
        "of what the shell had made, its ciphertext is"
    );
}

#[test]
fn copies_of_what_only_begins_as_its_format_never_fire() {
    let mut world = World::new();
    let mirror = world.process("/usr/bin/rsync", None);
    for number in 0..300 {
        world.create(mirror, &format!("/backup/{number}.png"), FEIGNED);
        world.unlink(mirror, &format!("/srv/{number}.png"), FEIGNED);
        world.overwrite(mirror, &format!("/old/{number}.png"), (FEIGNED, FEIGNED));
    }
    assert!(world.firing().is_none());
}

#[test]
fn gzip_of_a_whole_tree_never_fires() {
    let mut world = World::new();
    let gzip = world.process("/usr/bin/gzip", None);
    for number in 0..800 {
        world.create(gzip, &format!("/srv/{number}.txt.gz"), ARCHIVE);
        world.unlink(gzip, &format!("/srv/{number}.txt"), TEXT);
    }
    assert!(world.firing().is_none());
}

#[test]
fn unpacking_thousands_of_files_with_many_readmes_never_fires() {
    let mut world = World::new();
    let tar = world.process("/usr/bin/tar", None);
    for number in 0..3_000 {
        let after = match number % 4 {
            0 => ARCHIVE,
            1 => CIPHER,
            _ => TEXT,
        };
        world.create(tar, &format!("/srv/src/{number}/README"), after);
    }
    assert!(world.firing().is_none());
}

#[test]
fn ccrypt_from_an_unchanged_package_never_fires_by_itself() {
    let mut world = World::with(&["/usr/bin/ccrypt"], None);
    let shell = world.process("/usr/bin/bash", None);
    let ccrypt = world.process("/usr/bin/ccrypt", Some(shell));
    for number in 0..800 {
        world.overwrite(ccrypt, &format!("/srv/{number}.txt"), (TEXT, CIPHER));
        world.rename(
            ccrypt,
            &format!("/srv/{number}.txt"),
            &format!("/srv/{number}.txt.cpt"),
        );
    }
    assert!(world.firing().is_none());
}

#[test]
fn ccrypt_with_ransom_notes_fires_for_who_started_it() {
    let mut world = World::with(&["/usr/bin/ccrypt"], None);
    let script = world.process("/usr/bin/bash", None);
    let ccrypt = world.process("/usr/bin/ccrypt", Some(script));
    for number in 0..20 {
        world.overwrite(ccrypt, &format!("/srv/{number}/a.txt"), (TEXT, CIPHER));
        world.create(script, &format!("/srv/{number}/HOW_TO_DECRYPT.txt"), TEXT);
    }
    assert_eq!(world.firing().expect("fires").scope, world.uid(script));
}

#[test]
fn gpg_in_a_loop_that_keeps_the_originals_never_fires() {
    let mut world = World::with(&["/usr/bin/gpg"], None);
    let shell = world.process("/usr/bin/bash", None);
    for number in 0..500 {
        let gpg = world.process("/usr/bin/gpg", Some(shell));
        world.create(gpg, &format!("/srv/{number}.txt.gpg"), CIPHER);
    }
    assert!(world.firing().is_none());
}

#[test]
fn a_compiler_that_removes_its_temporary_files_never_fires() {
    let mut world = World::new();
    let make = world.process("/usr/bin/make", None);
    for number in 0..400 {
        let compiler = world.process("/usr/lib/gcc/cc1", Some(make));
        let object = ContentShape {
            size: 40_000,
            entropy: 5.9,
            format: ContentFormat::Structured,
        };
        world.create(compiler, &format!("/srv/{number}.o"), object);
        world.unlink(compiler, &format!("/tmp/cc{number}.s"), TEXT);
    }
    assert!(world.firing().is_none());
}
