//! An agent that is held lets the host go on.
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::fake_tyr::{FakeTyr, Stage};
use norn_events::wire::agent::v1::baldur_message;

const PATIENCE: Duration = Duration::from_secs(60);

fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// A heartbeat was given: who is held before is not alive yet.
fn beats(tyr: &mut FakeTyr) {
    tyr.until("heartbeat", |message| match message {
        baldur_message::Message::Heartbeat(_) => Some(()),
        _ => None,
    });
}

fn awaited<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        sleep(Duration::from_millis(50));
    }
}

fn ended_by(stage: &mut Stage) -> Option<i32> {
    awaited("the end of the agent", || stage.child().try_wait().unwrap()).signal()
}

fn lifeline_of(agent: u32) -> Option<u32> {
    let agent = agent.to_string();
    let arguments = ["lifeline", "--agent", &agent].map(str::to_owned);
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid: &u32| {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.trim_end_matches('\0').split('\0').skip(1).eq(&arguments)
        })
}

#[test]
fn who_is_stopped_is_ended() {
    let mut stage = Stage::new("stopped", &["--no-vault"]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    beats(&mut tyr);
    signal(hello.pid, "-STOP");
    assert_eq!(ended_by(&mut stage), Some(9));
}

#[test]
fn it_ends_with_the_agent_and_another_takes_the_place_of_one_that_ended() {
    let mut stage = Stage::new("ended", &["--no-vault"]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    beats(&mut tyr);
    let first = awaited("the lifeline", || lifeline_of(hello.pid));
    signal(first, "-KILL");
    let second = awaited("another lifeline", || {
        lifeline_of(hello.pid).filter(|pid| *pid != first)
    });
    beats(&mut tyr);
    stage.kill_baldur();
    awaited("the lifeline's end", || {
        (!Path::new(&format!("/proc/{second}")).exists()).then_some(())
    });
}

/// A group of processes that can be frozen as one, in the first version of cgroups or the second.
struct Group {
    folder: PathBuf,
    switch: (&'static str, &'static str, &'static str),
}

impl Group {
    fn make() -> Self {
        let first = Path::new("/sys/fs/cgroup/freezer");
        let (root, switch) = match first.exists() {
            true => (first, ("freezer.state", "FROZEN", "THAWED")),
            false => (Path::new("/sys/fs/cgroup"), ("cgroup.freeze", "1", "0")),
        };
        let folder = root.join(format!("norn-lifeline-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self { folder, switch }
    }

    fn add(&self, pid: u32) {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    fn freeze(&self) {
        fs::write(self.folder.join(self.switch.0), self.switch.1).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _thawed = fs::write(self.folder.join(self.switch.0), self.switch.2);
        let _removed = fs::remove_dir(&self.folder);
    }
}

#[test]
fn who_is_frozen_with_all_of_its_group_is_ended() {
    let group = Group::make();
    // As a service's group has it: all that it starts is in it.
    group.add(std::process::id());
    let mut stage = Stage::new("frozen", &["--no-vault"]);
    stage.start_baldur();
    fs::write(
        group.folder.parent().unwrap().join("cgroup.procs"),
        std::process::id().to_string(),
    )
    .unwrap();
    let (mut tyr, _) = stage.accept();
    beats(&mut tyr);
    group.freeze();
    assert_eq!(ended_by(&mut stage), Some(9));
}
