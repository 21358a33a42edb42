//! Programs that are refused, and those that are not.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField, HostOperator, HostRule};

use crate::support::{Stage, copy, deny, is_refused, like, not, now_us, rule, start, test};

const EXEC: HostEvent = HostEvent::Exec;
const IMAGE: HostField = HostField::Image;

#[test]
fn a_program_is_refused_by_its_path_and_its_neighbour_is_not() {
    let mut stage = Stage::new();
    let (bad, good) = (stage.program("bad"), stage.program("good"));
    stage.apply(vec![deny(EXEC, &[like(IMAGE, &stage.text("bad"))])]);
    assert!(is_refused(&start(&bad, &["true"])));
    assert!(start(&good, &["true"]).is_ok());
    let denial = stage.denial();
    assert_eq!((denial.event, denial.image), (EXEC, stage.text("bad")));
    assert_eq!(denial.process, std::env::current_exe().unwrap().to_str().unwrap());
    assert_ne!(denial.start_ticks, 0);
    assert_eq!(stage.enforcer.status().denied, 1);
}

#[test]
fn a_program_is_refused_by_its_content_whatever_its_name() {
    let mut stage = Stage::new();
    let bad = stage.program("bad");
    let sum = Command::new("sha256sum").arg(&bad).output().unwrap().stdout;
    let sum = String::from_utf8_lossy(&sum[..64]).into_owned();
    stage.apply(vec![deny(EXEC, &[like(HostField::Sha256, &sum.to_uppercase())])]);
    let refused = || is_refused(&start(&bad, &["true"]));
    // A busy machine may take longer for the first sum than an exec waits.
    assert!((0..100).any(|_| refused()));
    let renamed = stage.dir.join("renamed");
    fs::rename(&bad, &renamed).unwrap();
    assert!((0..100).any(|_| is_refused(&start(&renamed, &["true"]))));
    // By another process, as `copy` does.
    let mut shell = Command::new("sh");
    assert!(
        shell
            .args(["-c", "echo >> \"$0\""])
            .arg(&renamed)
            .status()
            .unwrap()
            .success()
    );
    assert!(start(&renamed, &["true"]).is_ok(), "another content");
}

#[test]
fn a_program_is_refused_to_a_user_and_not_to_another() {
    let mut stage = Stage::new();
    let program = stage.program("program");
    fs::set_permissions(&stage.dir, fs::Permissions::from_mode(0o755)).unwrap();
    stage.apply(vec![deny(EXEC, &[like(HostField::UserId, "33")])]);
    assert!(is_refused(&Command::new(&program).arg("true").uid(33).status()));
    assert!(Command::new(&program).arg("true").uid(34).status().is_ok());
}

#[test]
fn a_program_is_refused_to_a_parent_and_to_all_below_it() {
    let mut stage = Stage::new();
    let (shell, program) = (stage.program("shell"), stage.program("program"));
    let script = format!("{} true", program.display());
    let through_shell = |script: &str| start(&shell, &["sh", "-c", script]).unwrap();
    stage.apply(vec![deny(
        EXEC,
        &[
            like(HostField::ParentImage, &stage.text("shell")),
            like(IMAGE, &stage.text("program")),
        ],
    )]);
    assert_eq!(
        through_shell(&script),
        126,
        "a shell's code for what can't be started"
    );
    assert!(start(&program, &["true"]).is_ok());
    stage.apply(vec![deny(
        EXEC,
        &[
            like(HostField::AncestorImages, &stage.text("shell")),
            like(IMAGE, &stage.text("program")),
        ],
    )]);
    let below = format!("/bin/busybox sh -c '{script}; exit $?'; exit $?");
    assert_eq!(through_shell(&below), 126);
    assert!(start(&program, &["true"]).is_ok());
}

#[test]
fn a_program_is_refused_in_containers_and_not_on_the_host() {
    let mut stage = Stage::new();
    let container = stage.container();
    let host = stage.program("bin/busybox");
    stage.apply(vec![deny(
        EXEC,
        &[
            test(HostField::Container, HostOperator::Exists, &[]),
            like(IMAGE, "*/bin/busybox"),
        ],
    )]);
    assert!(is_refused(&container.run("/bin/busybox", &["true"])));
    let denial = stage.denial();
    assert_eq!(
        (denial.image.as_str(), denial.container),
        ("/bin/busybox", container.id.clone())
    );
    assert!(start(&host, &["true"]).is_ok());
    stage.apply(vec![deny(
        EXEC,
        &[
            not(test(HostField::Container, HostOperator::Exists, &[])),
            like(IMAGE, "*/bin/busybox"),
        ],
    )]);
    assert!(container.run("/bin/busybox", &["true"]).is_ok());
    assert!(is_refused(&start(&host, &["true"])));
}

#[test]
fn a_program_that_came_after_the_image_is_refused_as_drift() {
    let mut stage = Stage::new();
    let container = stage.container();
    let flag = |name| like(HostField::ImageFlags, name);
    stage.apply(vec![deny(
        EXEC,
        &[
            test(HostField::Container, HostOperator::Exists, &[]),
            flag("upper-layer"),
        ],
    )]);
    assert!(
        container.run("/bin/busybox", &["true"]).is_ok(),
        "it came with the image"
    );
    copy("/bin/busybox", &container.root.join("bin/busybox-dropped"));
    assert!(is_refused(&container.run("/bin/busybox-dropped", &["true"])));
}

#[test]
fn a_rule_that_allows_goes_before_one_that_denies() {
    let mut stage = Stage::new();
    let (good, bad) = (stage.program("good"), stage.program("bad"));
    stage.apply(vec![
        rule(EXEC, HostAction::Allow, &[like(IMAGE, &stage.text("good"))]),
        deny(EXEC, &[like(IMAGE, &stage.text("*"))]),
    ]);
    assert!(start(&good, &["true"]).is_ok());
    assert!(is_refused(&start(&bad, &["true"])));
}

#[test]
fn a_staged_rule_refuses_from_its_moment_on() {
    let mut stage = Stage::new();
    let program = stage.program("program");
    let from = now_us() + 1_000_000;
    stage.apply(vec![HostRule {
        acts_from_us: from,
        ..deny(EXEC, &[like(IMAGE, &stage.text("program"))])
    }]);
    let early = start(&program, &["true"]);
    assert!(early.is_ok() || now_us() >= from);
    while now_us() < from {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(is_refused(&start(&program, &["true"])));
}

#[test]
fn a_script_is_refused_by_its_own_path_and_by_its_interpreter_s() {
    let mut stage = Stage::new();
    let interpreter = stage.program("interpreter");
    let script = std::path::PathBuf::from(stage.text("script"));
    let text = stage.dir.join("text");
    fs::write(&text, format!("#!{} sh\nexit 7\n", interpreter.display())).unwrap();
    copy(&text, &script);
    assert_eq!(start(&script, &[]).unwrap(), 7);
    for name in ["script", "interpreter"] {
        stage.apply(vec![deny(EXEC, &[like(IMAGE, &stage.text(name))])]);
        assert!(is_refused(&start(&script, &[])), "{name}");
    }
}

/// A program with its loader and its library, in a root of its own.
fn dynamic_root(stage: &Stage) -> std::path::PathBuf {
    let root = stage.dir.join("root");
    copy("/bin/true", &root.join("bin/program"));
    for library in ["/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"] {
        copy(library, &root.join("real").join(&library[1..]));
        let link = root.join(&library[1..]);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(format!("/real{library}"), link).unwrap();
    }
    root
}

#[test]
fn the_loader_of_a_program_is_no_program_until_somebody_runs_it_by_itself() {
    let mut stage = Stage::new();
    let root = dynamic_root(&stage);
    let run = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stderr(Stdio::null());
        let root = root.clone();
        // SAFETY: two system calls between fork and exec.
        unsafe {
            command.pre_exec(move || Ok(nix::unistd::chroot(&root)?));
        }
        command.status()
    };
    assert!(
        run("/bin/program", "").unwrap().success(),
        "it runs without a policy"
    );
    stage.apply(vec![deny(EXEC, &[not(like(IMAGE, "/bin/program"))])]);
    for _ in 0..10 {
        assert!(run("/bin/program", "").unwrap().success());
    }
    assert!(is_refused(&run("/lib64/ld-linux-x86-64.so.2", "/bin/program")));
}

#[test]
fn what_can_t_be_known_in_time_is_let_through_counted_and_known_the_next_time() {
    let mut stage = Stage::with_deadline(Duration::from_millis(1));
    let program = stage.program("program");
    // Behind the program's end nothing is loaded, but it is content.
    fs::OpenOptions::new()
        .write(true)
        .open(&program)
        .unwrap()
        .set_len(96 << 20)
        .unwrap();
    let sum = Command::new("sha256sum").arg(&program).output().unwrap().stdout;
    let sum = String::from_utf8_lossy(&sum[..64]).into_owned();
    stage.apply(vec![deny(EXEC, &[like(HostField::Sha256, &sum)])]);
    assert!(start(&program, &["true"]).is_ok());
    assert_eq!(
        (stage.enforcer.status().denied, stage.enforcer.status().unanswered),
        (0, 1)
    );
    let later = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        is_refused(&start(&program, &["true"]))
    });
    assert!(later, "the sum is worked out to its end");
}
