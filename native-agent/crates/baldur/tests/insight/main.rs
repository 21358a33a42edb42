//! What the agent makes of running code on a real kernel: miners of every kind, code from where none should be, and ordinary
//! work that looks like either. Each attack is the simulator's, by a name that says nothing.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
mod simulator;
mod workloads;

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fake_tyr::{FakeTyr, Stage, as_batch};
use norn_events::ReadBatch;
use norn_events::wire::agent::v1::{AgentPolicy, BaldurHeartbeat, ReflexMode, baldur_message, tyr_message};
use norn_events::wire::finding::v1::{Finding, ResponseRung, Severity};
use simulator::{IMAGE, make_image, simulator};
use workloads::{WORKLOADS, Workload};

/// What an attack must be found within, on a machine that others use. A quiet one takes 1 to 2 s for code, 10 to 14 s for a miner.
const FOUND_MAX: Duration = Duration::from_secs(120);
/// Attacks go on for longer than that, s.
const ATTACK_SECONDS: &str = "150";
/// Ordinary work runs longer than the patience with a program that nobody knows.
const WORK: Duration = Duration::from_secs(25);
/// Of the agent's log, when an attack is not found.
const LOG_LINES: usize = 40;
const MINERS: [&[&str]; 7] = [
    &["--kind", "sha256d"],
    &["--kind", "keccak"],
    &["--kind", "aes-scratchpad"],
    &["--kind", "scrypt"],
    &["--kind", "table"],
    &["--kind", "sha256d", "--percent", "30"],
    &["--kind", "sha256d", "--process-ms", "300"],
];
const PLACES: [(&str, &str); 7] = [
    ("anonymous", "anonymous memory"),
    ("stack", "the stack"),
    ("heap", "the heap"),
    ("memfd", "a file in memory"),
    ("deleted", "a deleted file"),
    ("pivot", "a stack that is none"),
    ("call", "anonymous memory"),
];

/// An agent, the simulator under a plain name, and a corpus that lets it run.
struct Scene {
    tyr: FakeTyr,
    stage: Stage,
    program: PathBuf,
    corpus: PathBuf,
    /// What the agent said of itself last.
    heartbeat: Option<BaldurHeartbeat>,
}

impl Scene {
    fn start(name: &str) -> Self {
        let simulator = simulator();
        let mut stage = Stage::new(name, &["--no-vault"]);
        stage.start_baldur();
        let (mut tyr, hello) = stage.accept();
        for name in ["process.instructions", "process.code_origin"] {
            let capability = hello
                .capabilities
                .iter()
                .find(|capability| capability.name == name);
            let capability = capability.expect("the hello names it");
            assert!(capability.available && capability.verified, "{capability:?}");
        }
        tyr.say(tyr_message::Message::Policy(AgentPolicy {
            ransomware: ReflexMode::Observe.into(),
            reverse_shell: ReflexMode::Observe.into(),
            ..AgentPolicy::default()
        }));
        // After the agent's start, as an attack comes.
        let program = stage.dir.join("worker");
        std::fs::copy(simulator, &program).unwrap();
        let corpus = stage.dir.join("corpus");
        let prepared = Command::new(&program)
            .arg("prepare")
            .arg(&corpus)
            .args(["--files", "1"])
            .status();
        assert!(prepared.unwrap().success());
        Self {
            tyr,
            stage,
            program,
            corpus,
            heartbeat: None,
        }
    }

    fn attack(&self, scenario: &str, arguments: &[&str]) -> Running {
        // Others use this machine: a third of a core is to be a third of a core.
        let is_throttled = arguments.contains(&"--percent");
        let starter: &[&str] = if is_throttled {
            &["chrt", "-r", "1"]
        } else {
            &["env"]
        };
        Running(
            Command::new(starter[0])
                .args(&starter[1..])
                .arg(&self.program)
                .arg(scenario)
                .arg(&self.corpus)
                .args(arguments)
                .process_group(0)
                .spawn()
                .unwrap(),
        )
    }

    /// The next finding of this rule; what it was before is forgotten.
    ///
    /// # Panics
    /// When there is none: with what the agent says of itself, for whoever cannot reach the machine.
    fn finding(&mut self, rule: &str, attack: &str) -> Finding {
        let before = self.heartbeat.clone();
        self.next_finding(rule).unwrap_or_else(|| {
            let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
            let log = std::fs::read_to_string(self.stage.dir.join("baldur.log")).unwrap_or_default();
            let log: Vec<_> = log.lines().rev().take(LOG_LINES).collect();
            panic!(
                "{attack} is not found in {FOUND_MAX:?}\nload {load}before {}\nafter  {}\nlog, newest first:\n{}",
                figures(before.as_ref()),
                figures(self.heartbeat.as_ref()),
                log.join("\n")
            )
        })
    }

    fn next_finding(&mut self, rule: &str) -> Option<Finding> {
        let begun = Instant::now();
        while begun.elapsed() < FOUND_MAX {
            let heard = self.tyr.hear().unwrap();
            let Some(message) = heard.message else { continue };
            if let baldur_message::Message::Heartbeat(heartbeat) = &message {
                self.heartbeat = Some(heartbeat.clone());
            }
            let findings = as_batch(&message).map(|(batch, _)| batch.findings);
            if heard.seq > 0 {
                self.tyr.say(tyr_message::Message::BatchAck(heard.seq));
            }
            let found = findings.unwrap_or_default();
            if let Some(finding) = found.into_iter().find(|finding| finding.rule_id == rule) {
                println!("{:>4} ms  {}", begun.elapsed().as_millis(), finding.summary);
                return Some(finding);
            }
        }
        None
    }
}

/// The agent's own figures of what it looked at.
fn figures(heartbeat: Option<&BaldurHeartbeat>) -> String {
    let Some(health) = heartbeat.and_then(|heartbeat| heartbeat.health.as_ref()) else {
        return "no heartbeat".to_owned();
    };
    format!(
        "{} s up: {} samples, {} lost, {} not looked at; {} loops decoded, {} maps read, {} us spent; {} CPUs silent",
        health.uptime_us / 1_000_000,
        health.samples,
        health.samples_lost,
        health.samples_refused,
        health.loops_decoded,
        health.memory_maps_read,
        health.sampling_us,
        health.cpus_not_sampled
    )
}

/// Ended with its group.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.0.id() as i32);
        let _gone = nix::sys::signal::killpg(group, nix::sys::signal::SIGKILL);
        let _status = self.0.wait();
    }
}

fn text<'a>(finding: &'a Finding, name: &str) -> &'a str {
    let evidence = finding.evidence.iter().find(|evidence| evidence.field == name);
    evidence.map_or("", |evidence| &evidence.value)
}

fn rung(finding: &Finding) -> ResponseRung {
    finding.response.as_ref().expect("a response").rung()
}

#[test]
#[ignore = "needs root, BPF and perf; computes for minutes"]
fn long_miners_of_every_kind_are_found_by_what_they_compute_and_ended() {
    let mut scene = Scene::start("miners");
    let wanted = std::env::var("NORN_MINER").unwrap_or_default();
    for arguments in MINERS
        .iter()
        .filter(|arguments| arguments.join(" ").contains(&wanted))
    {
        end_miner(&mut scene, arguments);
    }
}

fn end_miner(scene: &mut Scene, arguments: &[&str]) {
    let running = scene.attack("miner", &[arguments, &["--seconds", ATTACK_SECONDS]].concat());
    let finding = scene.finding("reflex.miner", &arguments.join(" "));
    assert_shown(&finding);
    assert_eq!(rung(&finding), ResponseRung::Killed);
    drop(running);
}

/// What it computes, and where.
#[track_caller]
fn assert_shown(finding: &Finding) {
    assert_eq!(finding.severity(), Severity::High);
    assert!(
        text(finding, "code.disassembly").lines().count() > 3,
        "{finding:?}"
    );
    assert!(text(finding, "code.region").contains("worker"), "{finding:?}");
}

#[test]
#[ignore = "needs root, BPF, perf and Docker"]
fn a_miner_in_a_container_is_told_of_with_the_container_it_is_in() {
    let mut scene = Scene::start("container");
    make_image(&scene.stage.dir);
    let shared = format!("{}:/srv", scene.stage.dir.display());
    let started = Command::new("docker")
        .args([
            "run",
            "-d",
            "--network",
            "none",
            "-v",
            &shared,
            IMAGE,
            "/srv/worker",
            "miner",
            "/srv/corpus",
        ])
        .output()
        .expect("docker is installed (apt-get install docker.io)");
    let id = String::from_utf8_lossy(&started.stdout).trim().to_owned();
    assert!(started.status.success(), "{started:?}");
    let finding = scene.next_finding("reflex.miner");
    let _gone = Command::new("docker").args(["rm", "-f", &id]).output();
    let finding = finding.unwrap_or_else(|| panic!("not found: {}", figures(scene.heartbeat.as_ref())));
    assert_eq!(finding.container_id, id);
    assert_shown(&finding);
}

#[test]
#[ignore = "needs root, BPF and perf"]
fn code_in_anonymous_memory_is_told_of() {
    let mut scene = Scene::start("place");
    tell_of_code(&mut scene, PLACES[0]);
}

#[test]
#[ignore = "needs root, BPF and perf; seven attacks one after the other"]
fn long_code_from_wherever_none_should_be_is_told_of() {
    let mut scene = Scene::start("places");
    for place in PLACES {
        tell_of_code(&mut scene, place);
    }
}

fn tell_of_code(scene: &mut Scene, (from, origin): (&str, &str)) {
    let running = scene.attack("code", &["--from", from, "--seconds", ATTACK_SECONDS]);
    let finding = scene.finding("reflex.misplaced_code", from);
    assert_eq!(
        (text(&finding, "code.origin"), rung(&finding)),
        (origin, ResponseRung::Observed)
    );
    assert!(text(&finding, "code.disassembly").contains("jmp"), "{finding:?}");
    assert_eq!(
        from == "call",
        !text(&finding, "samples.in_system_calls").is_empty()
    );
    drop(running);
}

/// Of the ordinary work what looks most like either: it hashes without end, it makes code while it runs. Side by side each has
/// more of a core than the miner that asks for a third of one, and is found.
const LIKE_AN_ATTACK: [&str; 3] = ["openssl speed", "sums of files", "node"];

#[test]
#[ignore = "needs root, BPF and perf; runs real tools"]
fn work_that_hashes_or_makes_code_is_neither_mining_nor_misplaced() {
    let like: Vec<&Workload> = WORKLOADS
        .iter()
        .filter(|workload| LIKE_AN_ATTACK.contains(&workload.name))
        .collect();
    assert_eq!(like.len(), LIKE_AN_ATTACK.len());
    assert_none_is_wrong(&[&like]);
}

/// `NORN_ORDINARY` names one of them.
#[test]
#[ignore = "needs root, BPF and perf; runs real tools for minutes"]
fn long_ordinary_work_of_every_kind_is_neither_mining_nor_misplaced() {
    let wanted = std::env::var("NORN_ORDINARY").unwrap_or_default();
    let all: Vec<&Workload> = WORKLOADS
        .iter()
        .filter(|workload| workload.name.contains(&wanted))
        .collect();
    let each: Vec<&[&Workload]> = all.chunks(1).collect();
    assert_none_is_wrong(&each);
}

/// Each group side by side, one group after the other.
fn assert_none_is_wrong(groups: &[&[&Workload]]) {
    let mut scene = Scene::start("work");
    let mut wrong = Vec::new();
    for group in groups {
        let mut work: Vec<Work> = Vec::new();
        for workload in *group {
            match workload.is_possible() {
                Ok(()) => work.push(Work::start(&scene, workload)),
                Err(missing) => println!("{:<24} not tested: {missing}", workload.name),
            }
        }
        watch(&mut scene, &mut work);
        for Work { name, findings, .. } in work {
            println!("{name:<24} {} wrong", findings.len());
            wrong.extend(findings.into_iter().map(|what| format!("{name}: {what}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A workload that is done again and again, and what went wrong with it.
struct Work {
    name: &'static str,
    running: Running,
    log: PathBuf,
    family: Family,
    findings: Vec<String>,
}

impl Work {
    fn start(scene: &Scene, workload: &Workload) -> Self {
        let dir = scene.stage.dir.join(workload.name.replace(' ', "-"));
        std::fs::create_dir_all(&dir).unwrap();
        let log = dir.with_extension("log");
        let said = std::fs::File::create(&log).unwrap();
        let script = format!("{}\nwhile :; do\n{}\ndone", workload.setup, workload.script);
        let running = Running(
            Command::new("/bin/sh")
                .args(["-euc", &script])
                .current_dir(&dir)
                .stdin(Stdio::null())
                .stdout(said.try_clone().unwrap())
                .stderr(said)
                .process_group(0)
                .spawn()
                .unwrap(),
        );
        Self {
            name: workload.name,
            family: Family::new(running.0.id()),
            running,
            log,
            findings: Vec::new(),
        }
    }

    fn judge(&mut self, batch: &[Finding], rows: &ReadBatch) {
        self.family.learn(rows);
        let wrong = batch.iter().filter(|finding| is_wrong(finding, &self.family));
        self.findings.extend(wrong.map(|finding| format!("{finding:?}")));
    }

    /// It goes on until it is ended: by the agent, whose finding comes later.
    fn has_ended(&mut self) -> bool {
        let Some(status) = self.running.0.try_wait().unwrap() else {
            return false;
        };
        if self.findings.is_empty() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            self.findings.push(format!("ended with {status}: {log}"));
        }
        true
    }
}

/// For as long as a miner would need to be found, or until one of them has ended.
fn watch(scene: &mut Scene, work: &mut [Work]) {
    let begun = Instant::now();
    while !work.is_empty() && begun.elapsed() < WORK {
        let heard = scene.tyr.hear().unwrap();
        let Some(message) = heard.message else { continue };
        if let Some((batch, rows)) = as_batch(&message) {
            scene.tyr.say(tyr_message::Message::BatchAck(heard.seq));
            for each in work.iter_mut() {
                each.judge(&batch.findings, &rows);
            }
        }
        if work.iter_mut().any(Work::has_ended) {
            break;
        }
    }
}

/// Others use this machine: what counts is what the agent says of this test's own work, whatever it does about it.
fn is_wrong(finding: &Finding, family: &Family) -> bool {
    let rules = ["reflex.miner", "reflex.misplaced_code"];
    rules.contains(&finding.rule_id.as_str())
        && finding.severity() >= Severity::Medium
        && family.has(&finding.process_uid)
}

/// Processes below one, by what batches say of parents.
struct Family {
    root: u32,
    parents: HashMap<[u8; 16], ([u8; 16], u32)>,
}

impl Family {
    const DEPTH_MAX: usize = 64;

    fn new(root: u32) -> Self {
        Self {
            root,
            parents: HashMap::new(),
        }
    }

    fn learn(&mut self, rows: &ReadBatch) {
        let each = rows.processes.iter();
        self.parents
            .extend(each.map(|process| (process.uid, (process.parent_uid, process.pid))));
    }

    fn has(&self, uid: &[u8]) -> bool {
        let mut current: Option<[u8; 16]> = uid.try_into().ok();
        for _ in 0..Self::DEPTH_MAX {
            let Some(&(parent, pid)) = current.and_then(|uid| self.parents.get(&uid)) else {
                return false;
            };
            if pid == self.root {
                return true;
            }
            current = Some(parent);
        }
        false
    }
}

#[test]
fn only_what_a_test_started_is_its_family() {
    let process = |number: u8, parent: u8| ([number; 16], ([parent; 16], u32::from(number)));
    let family = Family {
        root: 2,
        parents: HashMap::from([
            process(1, 0),
            process(2, 1),
            process(3, 2),
            process(4, 3),
            process(5, 1),
        ]),
    };
    let of = |number: u8| family.has(&[number; 16]);
    assert_eq!(
        [1, 2, 3, 4, 5, 9].map(of),
        [false, true, true, true, false, false]
    );
}
