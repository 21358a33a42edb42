//! The agent is asked before something is lost, and a process never waits long for an agent that is slow, stopped or gone.
mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use norn_hook::calls;
use norn_hook::channel::{FLAG_ASKED, FLAG_UNANSWERED, Header, OWNER_DIED};
use norn_inject::{Answerer, Call, Nothing, Options, Wanted, inject};
use support::{BASH, Directory, PYTHON, Program, calls_of, plans, start, until, victims};

fn questioned(numbers: &[u64]) -> Options {
    let questioned = [numbers, support::OPENS].concat();
    Options {
        wanted: Wanted {
            questioned,
            deadline: Duration::from_secs(5),
            ..Wanted::default()
        },
        ..Options::default()
    }
}

/// Copies what a call is about to destroy, as the vault will.
struct Keeper {
    place: PathBuf,
    working_directory: PathBuf,
    kept: u64,
}

impl Answerer for Keeper {
    fn before(&mut self, call: &Call) {
        let text = match call.number {
            calls::RENAME | calls::RENAMEAT | calls::RENAMEAT2 => &call.second,
            _ => &call.first,
        };
        let path = self.working_directory.join(std::str::from_utf8(text).unwrap());
        if path.starts_with(&self.working_directory)
            && fs::copy(&path, self.place.join(self.kept.to_string())).is_ok()
        {
            self.kept += 1;
        }
    }
}

#[test]
fn a_copy_exists_before_unlink_rename_truncate_and_opening_to_change() {
    let directory = Directory::new("keeper");
    let (data, place) = (directory.0.join("data"), directory.0.join("place"));
    fs::create_dir_all(&place).unwrap();
    fs::create_dir_all(&data).unwrap();
    let changes = [
        "import os; os.unlink('f')",
        "os.rename('other', 'f')",
        "os.replace('other', 'f')",
        "os.truncate('f', 0)",
        "open('f', 'w').close()",
        "open('f', 'r+').write('zzz')",
        "os.unlink('f', dir_fd=None)",
    ];
    let mut python = Program::spawn(Command::new("python3").args(&PYTHON[1..]).current_dir(&data));
    python.run("import os");
    let keeper = Keeper {
        place: place.clone(),
        working_directory: data.clone(),
        kept: 0,
    };
    let hooked = inject(
        python.pid(),
        plans(),
        &questioned(&calls::DESTRUCTIVE),
        Box::new(keeper),
    )
    .unwrap();
    for (number, change) in changes.iter().enumerate() {
        fs::write(data.join("f"), format!("content {number}")).unwrap();
        fs::write(data.join("other"), "other").unwrap();
        python.run(change);
        let kept = fs::read_to_string(place.join(number.to_string()))
            .unwrap_or_else(|_| panic!("nothing kept before {change}"));
        assert_eq!(kept, format!("content {number}"), "{change}");
        assert!(
            fs::read_to_string(data.join("f")).unwrap_or_default() != kept,
            "{change} has happened"
        );
    }
    let calls = calls_of(hooked.channel());
    let answered = calls
        .iter()
        .filter(|call| call.flags & (FLAG_ASKED | FLAG_UNANSWERED) == FLAG_ASKED)
        .count();
    assert!(answered >= changes.len());
    assert_eq!(hooked.channel().losses().unanswered, 0);
    python.end();
}

#[test]
fn opening_to_read_is_not_asked_about() {
    let directory = Directory::new("read");
    let file = directory.file("f", "x");
    let mut shell = Program::start(BASH);
    shell.run("");
    let asked = Arc::new(AtomicU64::new(0));
    let hooked = inject(
        shell.pid(),
        plans(),
        &questioned(&[]),
        Box::new(Counter(asked.clone())),
    )
    .unwrap();
    shell.run(&format!("read -r line < {}", file.display()));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    shell.run(&format!(": > {}", file.display()));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    drop(hooked.eject());
    shell.end();
}

struct Counter(Arc<AtomicU64>);

impl Answerer for Counter {
    fn before(&mut self, _: &Call) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Answers nothing until it is let go.
struct Hung(Arc<AtomicBool>);

impl Answerer for Hung {
    fn before(&mut self, _: &Call) {
        while !self.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_hung_agent_is_waited_for_once_and_then_not_asked() {
    let directory = Directory::new("hung");
    for victim in victims(&directory) {
        let place = directory.0.join("place");
        let mut program = start(&victim, &place);
        let over = Arc::new(AtomicBool::new(false));
        let wanted = Wanted {
            questioned: calls::DESTRUCTIVE.to_vec(),
            hold_off: Duration::from_secs(3600),
            ..Wanted::default()
        };
        let options = Options {
            wanted,
            ..Options::default()
        };
        let hooked = inject(program.pid(), plans(), &options, Box::new(Hung(over.clone()))).unwrap();
        for _ in 0..20 {
            fs::write(place.join("kept"), "").unwrap();
            assert!(program.run("unlink").contains("done"));
        }
        let losses = hooked.channel().losses();
        assert_eq!((losses.unanswered, losses.unasked), (1, 19));
        over.store(true, Ordering::SeqCst);
        program.end();
    }
}

/// Not a test of its own: the agent that the next test starts and kills.
#[test]
fn agent_to_be_killed() {
    let Ok(pid) = std::env::var("NORN_TEST_PID") else {
        return;
    };
    let pid = pid.parse().unwrap();
    let options = questioned(&calls::DESTRUCTIVE);
    let hooked = inject(pid, plans(), &options, Box::new(Nothing)).unwrap();
    std::thread::sleep(Duration::from_secs(60));
    drop(hooked);
}

#[test]
fn an_agent_that_is_killed_is_missed_by_nobody() {
    let directory = Directory::new("killed");
    let place = directory.0.join("place");
    let mut program = start(&victims(&directory)[0], &place);
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "agent_to_be_killed"])
        .env("NORN_TEST_PID", program.pid().to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut channel = None;
    until("the channel", || {
        channel = shared_memory(program.pid());
        channel
            .as_ref()
            .is_some_and(|file| word(file, std::mem::offset_of!(Header, agent)) != 0)
    });
    let channel = channel.unwrap();
    fs::write(place.join("kept"), "").unwrap();
    program.run("unlink");
    let seen = word(&channel, std::mem::offset_of!(Header, head));
    assert!(seen > 0);

    agent.kill().unwrap();
    agent.wait().unwrap();
    assert_eq!(
        word(&channel, std::mem::offset_of!(Header, agent)) & OWNER_DIED,
        OWNER_DIED,
        "the kernel has marked it"
    );
    fs::write(place.join("kept"), "").unwrap();
    assert!(program.run("unlink").contains("done"));
    assert!(program.run("files").contains("done"));
    assert_eq!(
        word(&channel, std::mem::offset_of!(Header, head)),
        seen,
        "nothing is recorded for nobody"
    );
    let unanswered = std::mem::offset_of!(Header, counters)
        + std::mem::offset_of!(norn_hook::channel::Counters, unanswered);
    assert_eq!(word(&channel, unanswered), 0, "and nobody is asked");
    program.end();
}

/// A hooked process's channel, without an agent.
fn shared_memory(pid: i32) -> Option<File> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let line = maps
        .lines()
        .find(|line| line.contains("rw-s") && line.contains("norn-hook"))?;
    let range = line.split(' ').next()?;
    let trimmed: Vec<&str> = range.split('-').map(|end| end.trim_start_matches('0')).collect();
    File::open(Path::new(&format!("/proc/{pid}/map_files/{}", trimmed.join("-")))).ok()
}

fn word(file: &File, offset: usize) -> u32 {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset as u64).unwrap();
    u32::from_ne_bytes(bytes)
}
