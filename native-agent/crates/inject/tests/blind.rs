//! Each kind of program that cannot be hooked is named as what it is.
mod support;

use std::fs;
use std::process::Command;

use norn_inject::{Blind, InjectError, Nothing, Options, examine, inject};
use support::{Directory, Program, plans, start, until, victims};

fn blind(pid: i32) -> Option<Blind> {
    examine(pid, plans()).err()
}

#[test]
fn a_static_program() {
    let directory = Directory::new("static");
    let source = directory.file(
        "s.c",
        "#include <unistd.h>\nint main(void) { char c; return read(0, &c, 1) < 0; }",
    );
    let program = directory.0.join("s");
    let status = Command::new("cc")
        .args(["-static", "-o"])
        .args([&program, &source])
        .status()
        .unwrap();
    assert!(status.success());
    let child = Program::start(&[program.to_str().unwrap()]);
    let pid = child.pid();
    until("the program", || blind(pid) == Some(Blind::Static { pid }));
    assert_eq!(Blind::Static { pid }.code(), "HOOK_STATIC");
    child.end();
}

#[test]
fn a_go_program_where_go_is_installed() {
    let directory = Directory::new("go");
    let source = directory.file(
        "s.go",
        "package main\nimport \"os\"\nfunc main() { os.Stdin.Read(make([]byte, 1)) }",
    );
    let program = directory.0.join("s");
    let built = Command::new("go")
        .args(["build", "-o"])
        .args([&program, &source])
        .env("GOFLAGS", "-mod=mod")
        .status();
    if !built.is_ok_and(|status| status.success()) {
        return;
    }
    let child = Program::start(&[program.to_str().unwrap()]);
    let pid = child.pid();
    until("the program", || blind(pid) == Some(Blind::Go { pid }));
    child.end();
}

#[test]
fn a_thread_of_the_kernel_and_nobody() {
    assert_eq!(blind(2), Some(Blind::Gone { pid: 2 }));
    assert_eq!(blind(4_194_305), Some(Blind::Gone { pid: 4_194_305 }));
}

#[test]
fn a_program_whose_own_filter_would_end_it() {
    let directory = Directory::new("filter");
    let mut program = start(&victims(&directory)[0], &directory.0.join("place"));
    let pid = program.pid();
    program.run("confine");
    let refused = inject(pid, plans(), &Options::default(), Box::new(Nothing))
        .err()
        .unwrap();
    assert!(
        matches!(refused, InjectError::Blind(Blind::Seccomp { .. })),
        "{refused}"
    );
    assert!(program.run("confined").contains("done"), "it is alive");
    assert!(
        !fs::read_to_string(format!("/proc/{pid}/maps"))
            .unwrap()
            .contains("memfd:norn-hook")
    );
    program.end();
}
