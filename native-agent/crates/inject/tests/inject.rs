//! Into a running process and out of it: what it does is seen, and it never notices.
mod support;

use norn_hook::calls;
use norn_inject::{Left, Nothing, Options, inject};
use support::{BASH, Directory, OPENS, Program, calls_of, find, hook};

#[test]
fn a_running_shell_is_hooked_and_let_go() {
    let directory = Directory::new("shell");
    let file = directory.0.join("made");
    let mut shell = Program::start(BASH);
    assert_eq!(shell.run("echo before"), "before");

    let hooked = hook(shell.pid());
    shell.run(&format!("echo content > {}", file.display()));
    let calls = calls_of(hooked.channel());
    let open = find(&calls, OPENS, &file).expect("the open is recorded");
    assert_eq!(open.pid, shell.pid() as u32);
    assert!(open.time_ns > 0);

    assert_eq!(hooked.eject().unwrap(), Left::Nothing);
    assert_eq!(shell.run(&format!("cat {}", file.display())), "content");
    assert!(
        !std::fs::read_to_string(format!("/proc/{}/maps", shell.pid()))
            .unwrap()
            .contains("norn-hook")
    );
    shell.end();
}

#[test]
fn children_are_seen_under_their_own_ids() {
    let directory = Directory::new("children");
    let file = directory.file("kept", "x");
    let mut shell = Program::start(BASH);
    shell.run("");
    let hooked = hook(shell.pid());
    let child = shell.run(&format!("( : < {}; echo $BASHPID )", file.display()));
    shell.run("/bin/true");
    let calls = calls_of(hooked.channel());
    assert_eq!(
        find(&calls, OPENS, &file)
            .expect("the child's open is recorded")
            .pid
            .to_string(),
        child
    );
    assert!(
        calls
            .iter()
            .any(|call| [calls::CLONE, calls::CLONE3, calls::FORK].contains(&call.number))
    );
    let exec = calls
        .iter()
        .find(|call| call.number == calls::EXECVE)
        .expect("the exec is recorded");
    assert_eq!(exec.first, b"/bin/true");
    shell.end();
}

/// Every moment of a loader's work is met; whatever is answered, the program does what it always does.
#[test]
fn a_program_that_only_just_starts_comes_to_no_harm() {
    let mut hooked = 0;
    for _ in 0..60 {
        let child = std::process::Command::new("/bin/echo")
            .arg("started")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let injected = inject(
            child.id() as i32,
            support::plans(),
            &Options::default(),
            Box::new(Nothing),
        );
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success() && output.stdout == b"started\n",
            "{}",
            output.status
        );
        hooked += usize::from(injected.is_ok());
    }
    println!("{hooked} of 60 were met in time");
}
