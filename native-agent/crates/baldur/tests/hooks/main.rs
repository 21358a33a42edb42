//! The agent hooks a program on a real kernel: its calls become rows beside the kernel's, what it destroys is kept before, what it
//! does past its hooks is found, and nothing is left in it when the agent goes.
mod container;
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
mod worker;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use container::Container;
use fake_tyr::{FakeTyr, Stage, as_batch};
use norn_events::EventKind;
use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{Command, RestoreAction};
use norn_events::wire::agent::v1::{AgentPolicy, BaldurHello, ReflexMode, baldur_message, tyr_message};
use norn_events::wire::event::v1::{Capability, HookFlag};
use norn_events::wire::finding::v1::{Finding, ResponseRung};
use worker::{Worker, is_hooked, program};

const PATIENCE: Duration = Duration::from_secs(120);
const HOOKED_CALL: u8 = EventKind::HookedCall as u8;
const FILE_OPEN: u8 = EventKind::FileOpen as u8;
const FILE_UNLINK: u8 = EventKind::FileUnlink as u8;
const UNLINK: u32 = 87;
const RENAME: u32 = 82;

struct Scene {
    stage: Stage,
    tyr: FakeTyr,
    hello: BaldurHello,
    home: PathBuf,
}

impl Scene {
    /// An agent that hooks the program of this path.
    fn start(name: &str, wanted: &Path, arguments: &[&str]) -> Self {
        let mut stage = Stage::new(name, &[&["--hook", wanted.to_str().unwrap()], arguments].concat());
        stage.start_baldur();
        let (tyr, hello) = stage.accept();
        let home = wanted.parent().unwrap().to_owned();
        Self {
            stage,
            tyr,
            hello,
            home,
        }
    }

    fn file(&self, name: &str) -> String {
        let path = self.home.join(name);
        std::fs::write(&path, name).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What the report says of hooked calls, once it says `part`.
    fn report(&mut self, part: &str) -> Capability {
        self.tyr.until(part, |message| match message {
            baldur_message::Message::Hello(hello) => Some(capability(hello, "hook.calls"))
                .filter(|capability| capability.detail.contains(part))
                .cloned(),
            _ => None,
        })
    }

    /// Rows about this path: of which kind, the call's number, the thread, and who made it.
    fn rows(&mut self, path: &str, wanted: usize) -> Vec<(u8, u32, u64, u32)> {
        let mut rows = Vec::new();
        self.tyr.until(path, |message| {
            let (_, batch) = as_batch(message)?;
            let about = batch.rows.iter().filter(|row| row.path == path.as_bytes());
            // Not that the test made the file.
            let about = about.filter(|row| row.kind != FILE_OPEN);
            rows.extend(about.map(|row| {
                let process = &batch.processes[row.process];
                (row.kind, row.flags & 0xffff, row.value, process.pid)
            }));
            (rows.len() >= wanted).then_some(())
        });
        rows
    }

    fn finding(&mut self, rule: &str) -> Finding {
        self.tyr.until(rule, |message| {
            let (batch, _) = as_batch(message)?;
            batch.findings.into_iter().find(|finding| finding.rule_id == rule)
        })
    }
}

fn capability<'a>(hello: &'a BaldurHello, name: &str) -> &'a Capability {
    let found = hello
        .capabilities
        .iter()
        .find(|capability| capability.name == name);
    found.expect("the hello names it")
}

fn comes_to_be(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Not below /tmp, where other file systems may be; gone with the test.
/// A folder, and the machine: an agent watches all of it, and eight at once come too late to what their hooks tell.
struct Home(
    PathBuf,
    #[expect(dead_code, reason = "held until the test ends")] MutexGuard<'static, ()>,
);

static MACHINE: Mutex<()> = Mutex::new(());

impl Home {
    fn new(name: &str) -> Self {
        let home = PathBuf::from(format!("/var/tmp/norn-hooks-{}-{name}", std::process::id()));
        let turn = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::create_dir_all(&home).unwrap();
        Self(home, turn)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn calls_of_a_hooked_program_become_rows_beside_the_kernels() {
    let home = Home::new("rows");
    let program = program(&home.0, &[]);
    let mut scene = Scene::start("rows", &program, &["--no-vault"]);
    assert!(capability(&scene.hello, "hook.calls").available);
    let mut worker = Worker::start(&program);
    comes_to_be("the hook", || worker.is_hooked());
    scene.report("in 1 processes");
    let (first, second) = (scene.file("first"), scene.file("second"));
    assert_eq!(worker.tell(&format!("unlink {first}")), 0);
    assert_eq!(worker.tell(&format!("rename {second} {first}")), 0);
    let pid = worker.pid();
    let rows = scene.rows(&first, 2);
    assert!(
        rows.contains(&(HOOKED_CALL, UNLINK, u64::from(pid), pid)),
        "{rows:?}"
    );
    assert!(rows.iter().any(|row| row.0 == FILE_UNLINK && row.3 == pid));
    let rows = scene.rows(&second, 2);
    assert!(
        rows.contains(&(HOOKED_CALL, RENAME, u64::from(pid), pid)),
        "{rows:?}"
    );
}

#[test]
fn forks_programs_started_and_those_that_ran_before_are_followed() {
    let home = Home::new("follow");
    let program = program(&home.0, &[]);
    let mut worker = Worker::start(&program);
    let mut scene = Scene::start("follow", &program, &["--no-vault"]);
    comes_to_be("the hook", || worker.is_hooked());
    scene.report("in 1 processes, 1 so far");

    let file = scene.file("by-a-fork");
    let child = worker.tell(&format!("fork-unlink {file}")) as u32;
    let rows = scene.rows(&file, 2);
    assert!(
        rows.contains(&(HOOKED_CALL, UNLINK, u64::from(child), child)),
        "{rows:?}"
    );

    worker.start_again();
    comes_to_be("the hook in the new image", || worker.is_hooked());
    scene.report("2 so far");
}

#[test]
fn only_calls_past_the_hooks_are_a_finding() {
    let home = Home::new("bypass");
    let program = program(&home.0, &[]);
    let mut scene = Scene::start("bypass", &program, &["--no-vault"]);
    let (mut honest, mut other) = (Worker::start(&program), Worker::start(&program));
    comes_to_be("the hooks", || honest.is_hooked() && other.is_hooked());
    // What was under way when the hooks came is not judged.
    std::thread::sleep(Duration::from_secs(1));
    for number in 0..40 {
        let file = scene.file(&format!("f{number}"));
        assert_eq!(honest.tell(&format!("fork-unlink {file}")).signum(), 1);
        let file = scene.file(&format!("g{number}"));
        assert_eq!(other.tell(&format!("unlink-past {file}")), 0);
    }
    let finding = scene.finding("reflex.hooks_bypassed");
    let by = scene.tyr.process(other.pid());
    assert_eq!(finding.process_uid, by, "{finding:?}");
    assert_eq!(finding.response.unwrap().rung(), ResponseRung::Observed);
    let told: BTreeSet<Vec<u8>> = scene
        .tyr
        .said
        .iter()
        .filter_map(|message| as_batch(message.message.as_ref()?))
        .flat_map(|(batch, _)| batch.findings)
        .map(|finding| finding.process_uid)
        .collect();
    assert_eq!(told, BTreeSet::from([by.to_vec()]), "nobody else is told of");
}

#[test]
fn a_process_that_looks_like_an_attack_is_hooked_and_so_is_what_it_starts() {
    let home = Home::new("suspect");
    let program = program(&home.0, &[]);
    let data = home.0.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let path = |number: usize| data.join(format!("letter{number}.txt"));
    (0..40).for_each(|number| std::fs::write(path(number), "Dear all, ".repeat(400)).unwrap());
    let mut stage = Stage::new(
        "suspect",
        &["--hook-suspects", "--protect", data.to_str().unwrap()],
    );
    stage.start_baldur();
    let (mut tyr, _) = stage.accept();
    // It is to be seen, not stopped.
    tyr.say(tyr_message::Message::Policy(AgentPolicy {
        ransomware: ReflexMode::Observe.into(),
        ..AgentPolicy::default()
    }));
    tyr.until("the vault", |message| match message {
        baldur_message::Message::Hello(hello) => capability(hello, "hook.preimage").available.then_some(()),
        _ => None,
    });
    let mut worker = Worker::start(&program);
    assert!(!worker.is_hooked());
    for number in 0..40 {
        assert!(worker.tell(&format!("scramble {}", path(number).display())) > 0);
    }
    comes_to_be("the hook in a suspect", || worker.is_hooked());
    worker.start_again();
    comes_to_be("the hook in what it became", || worker.is_hooked());
}

/// Half of its time the worker runs code of the library, which lies in a memfd.
#[test]
fn the_agents_own_code_in_a_program_is_no_misplaced_code() {
    let home = Home::new("own");
    let program = program(&home.0, &[]);
    let mut scene = Scene::start("own", &program, &["--no-vault"]);
    assert!(capability(&scene.hello, "process.code_origin").available);
    let mut worker = Worker::start(&program);
    scene.report("in 1 processes");
    assert!(worker.tell("spin") > 0);
    let file = scene.file("after");
    assert_eq!(worker.tell(&format!("unlink {file}")), 0);
    scene.rows(&file, 1);
    let findings: Vec<Finding> = scene
        .tyr
        .said
        .iter()
        .filter_map(|message| as_batch(message.message.as_ref()?))
        .flat_map(|(batch, _)| batch.findings)
        .filter(|finding| finding.rule_id == "reflex.misplaced_code" && finding.summary.contains("worker"))
        .collect();
    assert!(findings.is_empty(), "{findings:?}");
}

/// Larger than what is copied at rest, and never opened: the kernel asks nobody.
const LARGE: usize = 3 << 20;
/// As little as is not copied at rest.
const SMALLEST_LARGE: usize = (1 << 20) + 4096;

#[test]
fn what_a_hooked_program_destroys_was_kept_before() {
    let home = Home::new("keep");
    let program = program(&home.0, &[]);
    let data = home.0.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let content = |number: usize| format!("{number} ").repeat(LARGE / 2);
    let path = |number: usize| data.join(format!("large{number}"));
    (0..3).for_each(|number| std::fs::write(path(number), content(number)).unwrap());
    let mut scene = Scene::start("keep", &program, &["--protect", data.to_str().unwrap()]);
    scene.tyr.until("the vault", |message| match message {
        baldur_message::Message::Hello(hello) => capability(hello, "hook.preimage").available.then_some(()),
        _ => None,
    });
    let mut worker = Worker::start(&program);
    comes_to_be("the hook", || worker.is_hooked());
    let named = |number: usize| path(number).to_str().unwrap().to_owned();
    let other = scene.file("data/other");
    assert_eq!(worker.tell(&format!("unlink {}", named(0))), 0);
    assert_eq!(worker.tell(&format!("truncate {}", named(1))), 0);
    assert_eq!(worker.tell(&format!("rename {other} {}", named(2))), 0);
    assert_eq!(std::fs::metadata(path(1)).unwrap().len(), 0);

    let asked = HookFlag::Asked as u32;
    scene.tyr.until("a call that waited", |message| {
        let (_, batch) = as_batch(message)?;
        let rows = batch.rows.iter().filter(|row| row.kind == HOOKED_CALL);
        let mut flags = rows.map(|row| row.flags >> 16);
        flags.any(|flags| flags & asked != 0).then_some(())
    });
    restore(&mut scene.tyr, worker.pid());
    for number in 0..3 {
        let restored = std::fs::read_to_string(path(number)).unwrap_or_default();
        assert!(restored == content(number), "file {number} is not what it was");
    }
}

/// A file that only hooks can give a pre-image of: large, at rest, never opened. `rm` unlinks it in its first milliseconds.
#[test]
fn what_a_started_rm_destroys_first_was_kept_before() {
    const TIMES: usize = 200;
    const ROUNDS_MAX: usize = 5;
    let home = Home::new("start");
    let data = home.0.join("data");
    std::fs::create_dir_all(&data).unwrap();
    // Copies of its own: others on this machine run programs of these names as well.
    let copy = |program: &str| {
        let to = home.0.join(program);
        std::fs::copy(Path::new("/bin").join(program), &to).unwrap();
        to
    };
    let (bash, rm) = (copy("bash"), copy("rm"));
    let mut scene = Scene::start(
        "start",
        &data,
        &[
            "--hook",
            bash.to_str().unwrap(),
            "--hook",
            rm.to_str().unwrap(),
            "--protect",
            data.to_str().unwrap(),
        ],
    );
    scene.tyr.until("the vault", |message| match message {
        baldur_message::Message::Hello(hello) => capability(hello, "hook.preimage").available.then_some(()),
        _ => None,
    });
    let line = "while read -r line; do $line; echo $?; done";
    let mut shell = Worker::start_by(std::process::Command::new(&bash).args(["--norc", "-c", line]));
    comes_to_be("the hook", || shell.is_hooked());
    let content = |number: usize| format!("{number:07} ").repeat(SMALLEST_LARGE / 8);
    let path = |number: usize| data.join(format!("large{number}"));
    let mut start = |number: usize| {
        std::fs::write(path(number), content(number)).unwrap();
        let line = format!("{} {}", rm.display(), path(number).display());
        assert_eq!(shell.tell(&line), 0);
        assert!(!path(number).exists());
        // Fifty starts a second are followed.
        std::thread::sleep(Duration::from_millis(25));
    };
    // A busy machine lets some start before anybody follows them: each is counted, and in a calm round at most a quarter.
    let (mut started, mut late_before) = (0, 0);
    let kept = loop {
        (started..started + TIMES).for_each(&mut start);
        started += TIMES;
        // Told every ten seconds.
        let (kept, late) = scene.tyr.until("what became of each start", |message| {
            let baldur_message::Message::Hello(hello) = message else {
                return None;
            };
            let kept = number_before(&capability(hello, "hook.preimage").detail, " kept");
            let late = number_before(&capability(hello, "hook.calls").detail, " too late");
            (kept + late >= started).then_some((kept, late))
        });
        if (late - late_before) * 4 <= TIMES {
            break kept;
        }
        assert!(started < ROUNDS_MAX * TIMES, "{kept} kept, {late} too late");
        late_before = late;
    };
    restore(&mut scene.tyr, shell.pid());
    let is_back =
        |number: &usize| std::fs::read_to_string(path(*number)).is_ok_and(|text| text == content(*number));
    let back = (0..started).filter(is_back).count();
    assert!(back >= kept, "{back} are back of {kept} that were kept");
}

/// "12 too late" has 12 before " too late"; 0 where it is not said.
fn number_before(text: &str, what: &str) -> usize {
    let before = text.split(what).next().filter(|before| before.len() < text.len());
    let digits = before.and_then(|before| before.rsplit(|byte: char| !byte.is_ascii_digit()).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "needs docker"]
fn what_a_container_destroys_was_kept_before_and_told_of_by_its_own_names() {
    let home = Home::new("container");
    let mut scene = Scene::start("container", Path::new("/worker"), &[]);
    scene.tyr.until("the vault", |message| match message {
        baldur_message::Message::Hello(hello) => capability(hello, "hook.preimage").available.then_some(()),
        _ => None,
    });
    let mut container = Container::start(&home.0);
    let pid = container.pid();
    comes_to_be("the hook", || is_hooked(pid));
    let mut worker = container.worker.take().unwrap();
    for file in ["/srv/one", "/srv/two"] {
        // By another: what it made itself would be no pre-image.
        container.make(file);
    }
    assert_eq!(worker.tell("unlink /srv/one"), 0);
    let child = worker.tell("fork-unlink /srv/two") as u64;
    let rows = scene.rows("/srv/two", 2);
    let by_fork = |row: &&(u8, u32, u64, u32)| row.0 == HOOKED_CALL && row.2 == child && row.3 != pid;
    assert!(rows.iter().any(|row| by_fork(&row)), "{child}: {rows:?}");
    // The report is told anew when a process comes or goes.
    drop((worker, container));
    scene.tyr.until("both were kept", |message| match message {
        baldur_message::Message::Hello(hello) => {
            let detail = &capability(hello, "hook.preimage").detail;
            detail.contains("2 kept, 0 missed, 0 not found").then_some(())
        }
        _ => None,
    });
}

fn restore(tyr: &mut FakeTyr, pid: u32) {
    let now_us = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_micros() as u64
    };
    let command = Command {
        id: format!("{:032x}", 1),
        alert_id: "alert".to_owned(),
        issued_at_us: now_us(),
        expires_at_us: now_us() + 60_000_000,
        epoch: 1,
        scope_uids: vec![tyr.process(pid).to_vec()],
        action: Some(Action::Restore(RestoreAction::default())),
        ..Command::default()
    };
    tyr.command(&command);
    tyr.outcome(&command.id);
}

#[test]
fn a_stopped_agent_leaves_nothing_behind_and_a_killed_one_is_missed_by_nobody() {
    let home = Home::new("end");
    let program = program(&home.0, &[]);
    for kills in [false, true] {
        let mut scene = Scene::start("end", &program, &["--no-vault"]);
        let mut worker = Worker::start(&program);
        // What is killed is an agent that has hooks; one in the middle of an injection is `norn-inject`'s to test.
        scene.report("in 1 processes");
        if kills {
            scene.stage.kill_baldur();
        } else {
            let pid = nix::unistd::Pid::from_raw(scene.stage.child().id() as i32);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
            scene.stage.child().wait().unwrap();
            assert!(!worker.is_hooked(), "it was taken out");
        }
        let file = scene.file("after");
        assert_eq!(worker.tell(&format!("unlink {file}")), 0);
        assert_eq!(worker.tell("pid"), i64::from(worker.pid()));
    }
}

#[test]
fn a_static_program_is_named_as_a_blind_spot_and_the_kernel_sees_it() {
    let home = Home::new("static");
    let program = program(&home.0, &["-static"]);
    let mut scene = Scene::start("static", &program, &["--no-vault"]);
    let mut worker = Worker::start(&program);
    let report = scene.report("static (1)");
    assert!(
        report.detail.contains("the kernel's events tell of"),
        "{}",
        report.detail
    );
    let file = scene.file("by-a-static-one");
    assert_eq!(worker.tell(&format!("unlink {file}")), 0);
    let rows = scene.rows(&file, 1);
    assert!(rows.iter().all(|row| row.0 == FILE_UNLINK), "{rows:?}");
}
