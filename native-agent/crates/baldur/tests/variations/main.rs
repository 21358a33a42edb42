//! Ways of emptying files, and of putting ciphertext in their place, with the tools at hand: each is found by the real agent
//! after a part of the files, and undone byte for byte. And what only looks like it is left alone.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
#[path = "../ordinary/files.rs"]
mod files;
mod ways;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use fake_tyr::{FakeTyr, Stage, as_batch};
use files::Files;
use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{Command, OutcomeState, RestoreAction};
use norn_events::wire::agent::v1::{AgentPolicy, ReflexMode, baldur_message, tyr_message};
use norn_events::wire::finding::v1::Finding;
use ways::{ATTACKS, QUICK_ATTACKS, Way};
use work::WORK;

const PATIENCE: Duration = Duration::from_secs(120);
/// What an attack was stopped for is told at most this long after.
const LATE_MAX: Duration = Duration::from_secs(40);
/// After a restore that is done, nothing is on its way; a slow machine takes at most this long.
const BACK_MAX: Duration = Duration::from_secs(20);
/// After work that should not be stopped, this is waited for a finding.
const SETTLED: Duration = Duration::from_secs(5);
/// In a corpus.
const FILES: u64 = 320;
/// Of the files, this part may be harmed before the stop: a debug build on a busy machine is slow.
const HARMED_MAX: usize = 4;

/// What a file is: content, mode, owner, time of change.
type State = (Vec<u8>, u32, u32, i128);

struct Agent {
    _stage: Stage,
    tyr: FakeTyr,
    commands: u8,
}

impl Agent {
    /// When it has a copy of each file of the corpora.
    fn start(home: &Files, corpora: usize) -> Self {
        let path = home.path.to_string_lossy().into_owned();
        let mut stage = Stage::new("variations", &["--protect", &path]);
        stage.start_baldur();
        let (mut tyr, _) = stage.accept();
        let policy = AgentPolicy {
            ransomware: ReflexMode::Kill.into(),
            ..AgentPolicy::default()
        };
        tyr.say(tyr_message::Message::Policy(policy));
        let wanted = FILES * corpora as u64;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && restorable(&mut tyr) < wanted {}
        Self {
            _stage: stage,
            tyr,
            commands: 0,
        }
    }

    /// The first about a file of this directory, while the attacker lives; afterwards, of what was on its way.
    fn finding(&mut self, attacker: &mut Child, (dir, on_its_way): (&Path, Duration)) -> Option<Finding> {
        let (begun, mut ended) = (Instant::now(), None::<Instant>);
        let mut seen = 0;
        loop {
            let said = &self.tyr.said[seen..];
            let batches = said.iter().filter_map(|said| as_batch(said.message.as_ref()?));
            let mut findings = batches.flat_map(|(batch, _)| batch.findings);
            if let Some(found) = findings.find(|finding| is_about(finding, dir)) {
                return Some(found);
            }
            seen = self.tyr.said.len();
            if attacker.try_wait().unwrap().is_some() {
                ended.get_or_insert_with(Instant::now);
            }
            if ended.is_some_and(|ended| ended.elapsed() > on_its_way) || begun.elapsed() > PATIENCE {
                return None;
            }
            let heard = self.tyr.hear().expect("the agent lives");
            self.tyr.said.push(heard);
        }
    }

    fn restore(&mut self, finding: &Finding) -> OutcomeState {
        self.commands += 1;
        let command = Command {
            id: format!("{:032x}", self.commands),
            alert_id: "alert".to_owned(),
            issued_at_us: now_us(),
            expires_at_us: now_us() + 60_000_000,
            epoch: 1,
            scope_uids: vec![finding.scope_uid.clone()],
            action: Some(Action::Restore(RestoreAction::default())),
            ..Command::default()
        };
        self.tyr.command(&command);
        self.tyr.outcome(&command.id).state()
    }
}

/// Files that were moved out may be told of by the name they had there.
fn is_about(finding: &Finding, dir: &Path) -> bool {
    let places = [dir, &outside(dir)].map(|place| format!("{}/", place.display()));
    let is_there = |path: &String| places.iter().any(|place| path.starts_with(place));
    finding
        .evidence
        .iter()
        .any(|evidence| evidence.field == "files.first" && is_there(&evidence.value))
}

fn restorable(tyr: &mut FakeTyr) -> u64 {
    let heard = tyr.hear().expect("the agent lives");
    let count = match &heard.message {
        Some(baldur_message::Message::Heartbeat(beat)) => {
            beat.health.as_ref().map_or(0, |health| health.vault_restorable)
        }
        _ => 0,
    };
    tyr.said.push(heard);
    count
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

/// Of all files below. What has just been taken away, or has another name, is not there.
fn states(dir: &Path) -> BTreeMap<PathBuf, State> {
    let mut found = BTreeMap::new();
    for entry in there(fs::read_dir(dir)).into_iter().flatten() {
        let path = entry.unwrap().path();
        match there(fs::symlink_metadata(&path)) {
            Some(stat) if stat.is_dir() => found.extend(states(&path)),
            Some(stat) => found.extend(state(&path, &stat).map(|state| (path, state))),
            None => {}
        }
    }
    found
}

fn state(path: &Path, stat: &fs::Metadata) -> Option<State> {
    let time = i128::from(stat.mtime()) * 1_000_000_000 + i128::from(stat.mtime_nsec());
    Some((there(fs::read(path))?, stat.mode(), stat.uid(), time))
}

/// `None` for what is not there; anything else that is wrong ends the test.
fn there<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        result => Some(result.unwrap()),
    }
}

/// In a session of its own; `$OUT` is a directory that nobody protects, on the same file system.
fn start(way: &Way, dir: &Path) -> Child {
    let out = outside(dir);
    fs::create_dir_all(&out).unwrap();
    Program::new("bash")
        .args(["-c", &format!("{}\n{}\n:", ways::PRELUDE, way.script)])
        .current_dir(dir)
        .env("OUT", &out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn outside(dir: &Path) -> PathBuf {
    let name = dir.file_name().unwrap().to_string_lossy();
    std::env::temp_dir().join(format!("norn-variations-{}-{name}", std::process::id()))
}

fn is_installed(way: &Way) -> bool {
    way.needs.split_whitespace().all(|program| {
        let paths = ["/bin", "/usr/bin", "/usr/sbin", "/usr/local/bin"];
        paths.iter().any(|path| Path::new(path).join(program).exists())
    })
}

/// `NORN_VARIATION` is a part of the names of those to be played.
fn is_wanted(way: &Way) -> bool {
    std::env::var("NORN_VARIATION").map_or(true, |wanted| way.name.contains(&wanted))
}

/// The corpora lie there before the agent starts; names of ways that can't be played here are printed.
fn stage(ways: &'static [Way]) -> (Files, Vec<(&'static Way, PathBuf)>, Agent) {
    let home = Files::home();
    let wanted = ways.iter().filter(|way| is_wanted(way));
    let (playable, missing): (Vec<&Way>, Vec<&Way>) = wanted.partition(|way| is_installed(way));
    missing
        .iter()
        .for_each(|way| println!("not installed: {}", way.needs));
    let corpora: Vec<_> = playable.iter().map(|way| (*way, home.corpus(way.name))).collect();
    let agent = Agent::start(&home, corpora.len());
    (home, corpora, agent)
}

fn play(ways: &'static [Way]) {
    let (_home, corpora, mut agent) = stage(ways);
    let mut problems = Vec::new();
    for (way, dir) in &corpora {
        let problem = attack(&mut agent, (way, dir));
        println!(
            "{}: {}",
            way.name,
            problem.as_ref().err().unwrap_or(&"stopped and undone".to_owned())
        );
        problems.extend(problem.err().map(|problem| format!("{}: {problem}", way.name)));
        drop(fs::remove_dir_all(outside(dir)));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn attack(agent: &mut Agent, (way, dir): (&Way, &Path)) -> Result<(), String> {
    let docs = dir.join("docs");
    let before = states(&docs);
    let mut attacker = start(way, dir);
    let finding = agent.finding(&mut attacker, (dir, LATE_MAX));
    let ended = Instant::now();
    while finding.is_some()
        && attacker.try_wait().unwrap().is_none()
        && ended.elapsed() < Duration::from_secs(2)
    {
        thread::sleep(Duration::from_millis(10));
    }
    drop(attacker.kill());
    attacker.wait().unwrap();
    let after = states(&docs);
    let harmed = before
        .iter()
        .filter(|(path, state)| after.get(*path).map(|now| &now.0) != Some(&state.0))
        .count();
    let finding = finding.ok_or_else(|| format!("not seen, {harmed} harmed"))?;
    println!("{}: {} ({harmed} harmed)", way.name, finding.summary);
    if !way.at_once && harmed > before.len() / HARMED_MAX {
        return Err(format!("{harmed} of {} harmed", before.len()));
    }
    let outcome = agent.restore(&finding);
    let (restored, mut differ) = (Instant::now(), differences(&before, &states(&docs)));
    while !differ.is_empty() && restored.elapsed() < BACK_MAX {
        thread::sleep(Duration::from_millis(200));
        differ = differences(&before, &states(&docs));
    }
    if differ.is_empty() {
        return Ok(());
    }
    let lost = if docs.is_dir() {
        ""
    } else {
        "its directory is not back, "
    };
    differ.truncate(3);
    Err(format!("{outcome:?}, {lost}and not as it was: {differ:?}"))
}

fn differences(before: &BTreeMap<PathBuf, State>, now: &BTreeMap<PathBuf, State>) -> Vec<String> {
    let figures = |state: Option<&State>| {
        state.map(|(content, mode, owner, time)| (content.len(), *mode, *owner, *time))
    };
    let paths: BTreeSet<&PathBuf> = before.keys().chain(now.keys()).collect();
    let differ = paths
        .into_iter()
        .filter(|path| before.get(*path) != now.get(*path));
    differ
        .map(|path| {
            let (was, is) = (figures(before.get(path)), figures(now.get(path)));
            format!("{}: {was:?} is {is:?}", path.display())
        })
        .collect()
}

#[test]
#[ignore = "needs root, BPF and fanotify"]
fn files_that_are_emptied_or_replaced_from_elsewhere_are_seen_and_come_back() {
    play(QUICK_ATTACKS);
}

// @norn-strict
#[test]
#[ignore = "long"]
fn long_every_way_to_empty_or_replace_is_seen_and_undone() {
    play(ATTACKS);
}

#[test]
#[ignore = "long"]
fn long_work_that_empties_or_replaces_files_goes_on() {
    let (_home, corpora, mut agent) = stage(WORK);
    let mut problems = Vec::new();
    for (way, dir) in &corpora {
        let mut work = start(way, dir);
        let finding = agent.finding(&mut work, (dir, SETTLED));
        let status = work.wait().unwrap();
        if finding.is_some() || !status.success() {
            problems.push(format!(
                "{}: {status}, {:?}",
                way.name,
                finding.map(|found| found.summary)
            ));
        }
        drop(fs::remove_dir_all(outside(dir)));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
