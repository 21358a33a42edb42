//! Every hooked call, made through libc and from within it, by a glibc and a musl program: seen, and with the outcome that it always had.
mod support;

use norn_hook::calls;
use norn_hook::channel::{FLAG_CUT, FLAG_UNREAD};
use norn_inject::{Call, Left};
use support::{Directory, Program, calls_of, hook, start, victims};

/// What the victim prints for `line` unhooked and hooked is the same; the calls that were recorded.
fn compared(name: &str, line: &str) -> Vec<(String, Vec<Call>)> {
    let directory = Directory::new(name);
    let mut all = Vec::new();
    for victim in victims(&directory) {
        let program = victim.file_name().unwrap().to_str().unwrap().to_owned();
        let mut bare = start(&victim, &directory.0.join(format!("{program}-bare")));
        let expected = bare.run(line);
        bare.end();
        let mut watched = start(&victim, &directory.0.join(format!("{program}-hooked")));
        let hooked = hook(watched.pid());
        assert_eq!(watched.run(line), expected, "{program}");
        all.push((program, calls_of(hooked.channel())));
        assert_eq!(hooked.channel().losses().dropped, 0);
        assert_eq!(hooked.eject().unwrap(), Left::Nothing);
        watched.end();
    }
    all
}

fn assert_has(program: &str, calls: &[Call], numbers: &[u64], text: &str) {
    let is_it = |call: &&Call| {
        numbers.contains(&call.number) && (call.first == text.as_bytes() || call.second == text.as_bytes())
    };
    assert!(
        calls.iter().any(|call| is_it(&call)),
        "{program}: no {numbers:?} of {text}"
    );
}

#[test]
fn files_opened_made_renamed_removed_and_cut() {
    for (program, calls) in compared("files", "files") {
        let expected: [(&[u64], &str); 20] = [
            (support::OPENS, "a"),
            (support::OPENS, "b"),
            (support::OPENS, "c"),
            (support::OPENS, "absent/x"),
            (&[calls::TRUNCATE], "a"),
            (&[calls::LINK, calls::LINKAT], "a2"),
            (&[calls::LINKAT], "a3"),
            (&[calls::SYMLINK], "s"),
            (&[calls::SYMLINKAT], "s2"),
            (&[calls::CHMOD], "a"),
            (&[calls::FCHMODAT], "a"),
            (&[calls::RENAME], "b2"),
            (&[calls::RENAMEAT, calls::RENAMEAT2], "b3"),
            (&[calls::RENAMEAT, calls::RENAMEAT2], "b4"),
            (&[calls::UNLINK], "a2"),
            (&[calls::UNLINKAT], "a3"),
            (&[calls::MEMFD_CREATE], "named"),
            // From inside libc: not through any table of the program's.
            (support::OPENS, "by-fopen"),
            (support::OPENS, "."),
            (&[calls::RENAME], "b"),
        ];
        for (numbers, text) in expected {
            assert_has(&program, &calls, numbers, text);
        }
        for number in [calls::FTRUNCATE, calls::FCHMOD] {
            assert!(
                calls
                    .iter()
                    .any(|call| call.number == number && call.args[0] == 3),
                "{program}: no {number}"
            );
        }
        let shared = calls
            .iter()
            .find(|call| call.number == calls::MMAP)
            .expect("the shared mapping is recorded");
        assert!(
            shared.first.starts_with(b"/"),
            "{program}: the mapped file has a name"
        );
        assert!(
            calls.is_sorted_by_key(|call| call.time_ns),
            "{program}: one thread's calls are in order"
        );
    }
}

#[test]
fn sockets_by_their_addresses() {
    for (program, calls) in compared("sockets", "sockets") {
        for number in [calls::BIND, calls::CONNECT] {
            let call = calls
                .iter()
                .find(|call| call.number == number)
                .unwrap_or_else(|| panic!("{program}: no {number}"));
            assert_eq!(call.first[..8], *b"\x01\0socket", "{program}");
        }
        for number in [calls::LISTEN, calls::ACCEPT, calls::ACCEPT4] {
            assert!(
                calls.iter().any(|call| call.number == number),
                "{program}: no {number}"
            );
        }
        let bad = calls.iter().rfind(|call| call.number == calls::CONNECT).unwrap();
        assert_eq!(bad.flags & FLAG_UNREAD, FLAG_UNREAD);
    }
}

#[test]
fn processes_by_fork_vfork_spawn_and_exec() {
    for (program, calls) in compared("processes", "processes") {
        assert_has(&program, &calls, support::OPENS, "in-fork");
        assert_has(&program, &calls, support::OPENS, "in-vfork");
        assert_has(&program, &calls, &[calls::EXECVE], "absent");
        assert_has(&program, &calls, &[calls::EXECVE], "/bin/sh");
        assert_has(&program, &calls, support::OPENS, "./absent.so");
        for number in [calls::EXECVEAT, calls::VFORK, calls::PTRACE] {
            assert!(
                calls.iter().any(|call| call.number == number),
                "{program}: no {number}"
            );
        }
        let forks = [calls::FORK, calls::CLONE, calls::CLONE3];
        assert!(
            calls.iter().filter(|call| forks.contains(&call.number)).count() >= 3,
            "{program}"
        );
        let parent = calls[0].pid;
        let fork = calls.iter().find(|call| call.first == b"in-fork").unwrap();
        let vfork = calls.iter().find(|call| call.first == b"in-vfork").unwrap();
        assert!(
            fork.pid != parent && fork.tid == fork.pid,
            "{program}: a child has its own ids"
        );
        assert!(
            vfork.pid == parent && vfork.tid != parent,
            "{program}: vfork's child has its own thread id only"
        );
    }
}

#[test]
fn bad_pointers_give_the_errors_that_they_always_gave() {
    for (program, calls) in compared("pointers", "pointers") {
        assert_has(&program, &calls, support::OPENS, "xxxxxxx");
        let unread = calls.iter().filter(|call| call.flags & FLAG_UNREAD != 0).count();
        assert_eq!(unread, 4, "{program}");
        let cut = calls
            .iter()
            .find(|call| call.flags & FLAG_CUT != 0)
            .expect("a long path is cut");
        assert_eq!(cut.first.len(), norn_hook::channel::TEXT_BYTES);
    }
}

#[test]
fn a_thread_is_cancelled_and_unwound_as_ever() {
    for (program, calls) in compared("cancellation", "cancellation") {
        assert!(calls.iter().any(|call| call.number == calls::ACCEPT), "{program}");
    }
}

#[test]
fn a_program_that_confines_itself_is_not_ended_by_the_library() {
    let directory = Directory::new("confine");
    for victim in victims(&directory) {
        let mut program: Program = start(&victim, &directory.0.join("place"));
        let hooked = hook(program.pid());
        program.run("confine");
        assert!(program.run("confined").contains("done"));
        let calls = calls_of(hooked.channel());
        let after = calls
            .iter()
            .rev()
            .find(|call| call.number == calls::UNLINK)
            .expect("calls are still recorded");
        assert_eq!(
            (after.flags & FLAG_UNREAD, after.tid),
            (FLAG_UNREAD, 0),
            "without what would need a call"
        );
        assert!(hooked.channel().losses().unread >= 2);
        program.end();
    }
}
