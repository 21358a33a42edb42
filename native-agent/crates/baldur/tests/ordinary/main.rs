//! Ordinary work that looks like an attack, by the real tools, in a protected directory: none of it may be stopped. The
//! agent acts in earnest here. What is not installed is named and left out.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
mod files;
mod listener;
mod workloads;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fake_tyr::Stage;
use files::Files;
use listener::Listener;
use norn_events::wire::finding::v1::{Finding, ResponseRung};
use workloads::{WORKLOADS, Workload};

/// A tool that takes longer hangs.
const TOOL_MAX: Duration = Duration::from_secs(60);

struct Result {
    name: &'static str,
    failed: bool,
    elapsed: Duration,
    findings: Vec<Finding>,
}

/// Of each kind of work the one that comes nearest to an attack.
const NEAREST: [&str; 9] = [
    "tar",
    "7z -sdel with a password",
    "gpg in a loop",
    "openssl in a loop",
    "sed -i",
    "rsync",
    "sqlite",
    "all opened before one is written",
    "a table among many files",
];

#[test]
#[ignore = "runs an agent in earnest: needs root, BPF and fanotify, and a machine where no attack is tried meanwhile"]
fn no_ordinary_work_is_stopped() {
    assert!(
        NEAREST
            .iter()
            .all(|name| WORKLOADS.iter().any(|workload| workload.name == *name))
    );
    none_is_stopped(|name| NEAREST.contains(&name));
}

#[test]
#[ignore = "runs an agent in earnest, for minutes"]
fn long_no_ordinary_work_of_all_is_stopped() {
    none_is_stopped(|_| true);
}

fn none_is_stopped(is_chosen: impl Fn(&str) -> bool) {
    let home = Files::home();
    let protected = home.path.to_string_lossy().into_owned();
    let mut stage = Stage::acting_everywhere("ordinary", &["--protect", &protected]);
    stage.start_baldur();
    let (tyr, _) = stage.accept();
    let listener = Listener::start(tyr);
    let (able, unable): (Vec<_>, Vec<_>) = WORKLOADS
        .iter()
        .partition(|workload| missing(workload).is_empty());
    let able: Vec<_> = able
        .into_iter()
        .filter(|workload| is_chosen(workload.name) && is_wanted(workload.name))
        .map(|workload| (workload, home.corpus(workload.name)))
        .collect();
    // What is found while the corpora are made is no workload's.
    listener.quiet();
    listener.take();
    let results: Vec<Result> = able
        .iter()
        .map(|(workload, dir)| run(workload, dir, &listener))
        .collect();
    for workload in unable {
        println!(
            "{:<28} not tested, missing: {}",
            workload.name,
            missing(workload).join(" ")
        );
    }
    results.iter().for_each(print);
    assert!(stage.child().try_wait().unwrap().is_none(), "the agent ended");
    let wrong: Vec<&str> = results
        .iter()
        .filter(|result| result.failed || result.findings.iter().any(is_stop))
        .map(|result| result.name)
        .collect();
    assert!(wrong.is_empty(), "failed or stopped: {wrong:?}");
}

/// `NORN_ORDINARY` names one of them.
fn is_wanted(name: &str) -> bool {
    std::env::var("NORN_ORDINARY").map_or(true, |wanted| name.contains(&wanted))
}

fn missing(workload: &Workload) -> Vec<&'static str> {
    workload
        .needs
        .split_whitespace()
        .filter(|tool| find(tool).is_none())
        .collect()
}

fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let known = workloads::PROGRAM_DIRECTORIES.iter().map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(known)
        .map(|directory| directory.join(tool))
        .find(|file| file.is_file())
}

fn run(workload: &Workload, dir: &Path, listener: &Listener) -> Result {
    let begun = Instant::now();
    let failed = !succeeds(workload, dir);
    let elapsed = begun.elapsed();
    listener.quiet();
    let findings = listener.take();
    Result {
        name: workload.name,
        failed,
        elapsed,
        findings,
    }
}

fn succeeds(workload: &Workload, dir: &Path) -> bool {
    let log = std::fs::File::create(dir.with_extension("log")).unwrap();
    let mut tool = Command::new("/bin/sh")
        .args(["-euc", &[workloads::PRELUDE, workload.script].concat()])
        .current_dir(dir)
        .env("HOME", dir.with_extension("home"))
        .env("TOOLS", dir.with_extension("tools"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let begun = Instant::now();
    loop {
        if let Some(status) = tool.try_wait().unwrap() {
            if !status.success() {
                let log = std::fs::read(dir.with_extension("log")).unwrap_or_default();
                let tail = &log[log.len().saturating_sub(1_000)..];
                println!("{}: {status}\n{}", workload.name, String::from_utf8_lossy(tail));
            }
            return status.success();
        }
        if begun.elapsed() > TOOL_MAX {
            let _gone = tool.kill();
            let _status = tool.wait();
            println!("{}: not done after {TOOL_MAX:?}", workload.name);
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_stop(finding: &Finding) -> bool {
    let rung = finding.response.as_ref().map(|response| response.rung());
    rung.is_some_and(|rung| rung != ResponseRung::Observed && rung != ResponseRung::Unspecified)
}

fn print(result: &Result) {
    let stops = result.findings.iter().filter(|finding| is_stop(finding)).count();
    println!(
        "{:<28} {:>6} ms  {} findings, {stops} stops{}",
        result.name,
        result.elapsed.as_millis(),
        result.findings.len(),
        if result.failed { ", FAILED" } else { "" }
    );
    for finding in &result.findings {
        let evidence: Vec<String> = finding
            .evidence
            .iter()
            .map(|evidence| format!("{}={}", evidence.field, evidence.value))
            .collect();
        println!(
            "    {} {} {}",
            finding.rule_id,
            finding.summary,
            evidence.join(" ")
        );
    }
}
