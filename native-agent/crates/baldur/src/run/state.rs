//! The state directory: one agent at a time, and what it must remember over its own end.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use norn_events::ProcessUid;
use norn_os::write_whole;
use norn_reflex::Released;
use norn_respond::{FrozenMember, Responder};
use serde::{Deserialize, Serialize};

/// An agent that is just ending gets this long to let go.
const LOCK_WAIT: Duration = Duration::from_secs(1);

pub struct StateDir {
    path: PathBuf,
    /// Held as long as this agent lives; the kernel drops it when the process ends, however that happens.
    _lock: Flock<File>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ReleasedFile {
    scopes: Vec<String>,
    findings: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrozenScope {
    scope: String,
    /// (pid, start in clock ticks since boot).
    members: Vec<(u32, u64)>,
}

impl StateDir {
    /// # Errors
    /// When it can't be made, or another agent holds it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| {
                format!(
                    "STATE_DIR: {} can't be made: name one that root can write with --state-dir",
                    path.display()
                )
            })?;
        let lock_path = path.join("baldur.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)?;
        let lock = match lock(file) {
            Ok(lock) => lock,
            Err(errno) => bail!(
                "ALREADY_RUNNING: {} is held by another agent ({errno}): stop it, or give this one a --state-dir of its own",
                lock_path.display()
            ),
        };
        lock.set_len(0)?;
        writeln!(&*lock, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn vault(&self) -> PathBuf {
        self.path.join("vault")
    }

    pub fn load_released(&self) -> anyhow::Result<Released> {
        let file: ReleasedFile = self.load("released.json")?;
        let mut released = Released::default();
        let scopes: Vec<ProcessUid> = file
            .scopes
            .iter()
            .filter_map(|text| ProcessUid::parse(text))
            .collect();
        if !released.add(&scopes, &file.findings) {
            tracing::error!(
                max = Released::MAX,
                "released_full: released.json holds more than is kept"
            );
        }
        Ok(released)
    }

    pub fn save_released(&self, released: &Released) -> anyhow::Result<()> {
        let file = ReleasedFile {
            scopes: released.scopes().map(|scope| scope.to_string()).collect(),
            findings: released.findings().map(str::to_owned).collect(),
        };
        self.save("released.json", &file)
    }

    pub fn load_frozen(&self, responder: &mut Responder) -> anyhow::Result<()> {
        let scopes: Vec<FrozenScope> = self.load("frozen.json")?;
        for frozen in scopes {
            let members = frozen
                .members
                .into_iter()
                .map(|(pid, start_ticks)| FrozenMember { pid, start_ticks });
            if let Some(scope) = ProcessUid::parse(&frozen.scope) {
                responder.adopt(scope, members.collect());
            }
        }
        Ok(())
    }

    pub fn save_frozen(&self, responder: &Responder) -> anyhow::Result<()> {
        let scopes: Vec<FrozenScope> = responder
            .frozen()
            .map(|(scope, members)| FrozenScope {
                scope: scope.to_string(),
                members: members
                    .iter()
                    .map(|member| (member.pid, member.start_ticks))
                    .collect(),
            })
            .collect();
        self.save("frozen.json", &scopes)
    }

    pub(super) fn load<T: for<'a> Deserialize<'a> + Default>(&self, name: &str) -> anyhow::Result<T> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "STATE_MALFORMED: {} is no JSON of this agent: move it away",
                    path.display()
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
        }
    }

    pub(super) fn save(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        write_whole(&self.path.join(name), &serde_json::to_vec(value)?).with_context(|| {
            format!(
                "{name} can't be written: is the disk of {} full?",
                self.path.display()
            )
        })
    }
}

/// An agent that was killed holds its files until its last thread is gone, a little after its death can be seen.
fn lock(mut file: File) -> Result<Flock<File>, Errno> {
    let begun = Instant::now();
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, errno)) if begun.elapsed() > LOCK_WAIT => return Err(errno),
            Err((refused, _)) => file = refused,
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_second_agent_on_one_directory_is_refused_and_told_why() {
        let dir = tempdir().unwrap();
        let first = StateDir::open(dir.path()).unwrap();
        let refusal = StateDir::open(dir.path()).err().unwrap().to_string();
        assert!(refusal.starts_with("ALREADY_RUNNING"));
        drop(first);
        assert!(StateDir::open(dir.path()).is_ok());
    }

    #[test]
    fn what_was_released_and_frozen_is_known_after_a_restart() {
        let dir = tempdir().unwrap();
        let scope = ProcessUid([0xab; 16]);
        {
            let state = StateDir::open(dir.path()).unwrap();
            let mut released = Released::default();
            released.add(&[scope], &["f".repeat(32)]);
            state.save_released(&released).unwrap();
            let mut responder = Responder::default();
            responder.adopt(
                scope,
                vec![FrozenMember {
                    pid: 7,
                    start_ticks: 9,
                }],
            );
            state.save_frozen(&responder).unwrap();
        }
        let state = StateDir::open(dir.path()).unwrap();
        let released = state.load_released().unwrap();
        assert!(released.holds(scope) && released.holds_finding(&"f".repeat(32)));
        let mut responder = Responder::default();
        state.load_frozen(&mut responder).unwrap();
        assert!(responder.is_frozen(scope));
    }
}
