//! `baldur lifeline`: ends an agent that is held. Programs that nobody looked at before wait for the agent's answer, so while it is
//! stopped, traced or frozen the whole host stands still. Tyr ends it for that, unless he is held too; this one is in no group with
//! either of them, neither of processes nor of cgroups.
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::setsid;
use norn_os::ProcessHandle;
use norn_os::process::Stat;

/// Every beat comes within this.
const LOOK_MS: u16 = 500;
/// Looks in a row without a beat: longer than Tyr waits (3 s), who starts another one at once. Looks and not time, so that a machine that
/// was suspended as a whole has one look without.
const QUIET_LOOKS: u32 = 12;
/// Beats that one look takes at most.
const BEATS_MAX: usize = 64;
/// A responder that is older than this does not count as alive, ms; as for Tyr.
const RESPONDER_AGE_MAX_MS: u32 = 2_000;
/// One that ended is started again no sooner.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
const CGROUPS: &str = "/sys/fs/cgroup";

#[derive(clap::Args)]
pub struct LifelineArguments {
    /// Whom to end: the parent of this process.
    #[arg(long)]
    agent: u32,
}

/// The agent's end of it.
pub struct Lifeline {
    child: Option<Child>,
    tried_at: Option<Instant>,
}

impl Lifeline {
    /// None where nobody waits for the agent.
    pub fn start(holds_up_others: bool) -> Self {
        let mut lifeline = Self {
            child: None,
            tried_at: None,
        };
        if holds_up_others {
            lifeline.launch();
        }
        lifeline
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// With each heartbeat. True when there is another one than before.
    pub fn beat(&mut self, responder_age_ms: u32) -> bool {
        let Some(tried_at) = self.tried_at else {
            return false;
        };
        if self.child.as_mut().is_none_or(has_ended) {
            return tried_at.elapsed() > AGAIN_AFTER && self.launch();
        }
        let beats = self.child.as_mut().and_then(|child| child.stdin.as_mut());
        if let Some(beats) = beats.filter(|_| responder_age_ms <= RESPONDER_AGE_MAX_MS) {
            // Full when the other end is held itself, and broken when it ended: the next beat finds that.
            let _ = beats.write(b".");
        }
        false
    }

    fn launch(&mut self) -> bool {
        self.tried_at = Some(Instant::now());
        let started = Command::new("/proc/self/exe")
            .args(["lifeline", "--agent", &std::process::id().to_string()])
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .and_then(|child| {
                child.stdin.as_ref().map_or(Ok(()), never_waits)?;
                Ok(self.child.insert(child).id())
            });
        if let Err(error) = &started {
            tracing::error!(%error, "lifeline_unavailable: an agent that is held holds up the host until Tyr ends it");
        }
        started.is_ok()
    }
}

fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

fn never_waits(beats: &impl AsFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    fcntl(beats, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(io::Error::from)?;
    Ok(())
}

/// Until the agent ends.
///
/// # Errors
/// When it is not the parent of this process.
pub fn keep(arguments: &LifelineArguments) -> anyhow::Result<()> {
    let stat = Stat::of(arguments.agent).filter(|stat| stat.pid == parent_id());
    let agent = stat
        .and_then(ProcessHandle::open)
        .context("baldur run starts this")?;
    // The group is its own already; with a session of its own no terminal stops it either.
    let _ = setsid();
    leave_cgroups();
    // Not buffered: poll(2) knows of all that is there.
    let mut beats = fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut quiet = None;
    while let Some(beat) = look(&mut beats)? {
        quiet = match (beat, quiet) {
            (true, _) => Some(0),
            (false, quiet) => quiet.map(|looks| looks + 1),
        };
        if quiet.is_some_and(|looks| looks >= QUIET_LOOKS) {
            end(&agent);
        }
    }
    Ok(())
}

/// Whether the agent gave a beat; `None` when it has ended.
fn look(beats: &mut (impl Read + AsFd)) -> io::Result<Option<bool>> {
    let mut fds = [PollFd::new(beats.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::from(LOOK_MS))? == 0 {
        return Ok(Some(false));
    }
    let mut read = [0; BEATS_MAX];
    Ok(Some(beats.read(&mut read)? > 0).filter(|has_beat| *has_beat))
}

fn end(agent: &ProcessHandle) {
    let pid = agent.stat.pid;
    tracing::error!(pid, "agent_held: ending it, since programs wait for its answer");
    agent.signal(libc::SIGKILL);
    thaw(pid);
}

/// A group that is frozen or has no processor would hold this one too. By hand in the first version of cgroups, where each controller has
/// groups of its own.
fn leave_cgroups() {
    for controller in ["", "freezer", "cpu", "cpu,cpuacct"] {
        let group = Path::new(CGROUPS).join(controller).join("cgroup.procs");
        // Not there, or not ours to leave.
        let _ = fs::write(group, std::process::id().to_string());
    }
}

/// Only in the first version of cgroups what is frozen can't be killed.
fn thaw(pid: u32) {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let frozen = groups.lines().find_map(|line| line.split_once(":freezer:"));
    if let Some((_, group)) = frozen.filter(|(_, group)| *group != "/") {
        let group = Path::new(CGROUPS)
            .join("freezer")
            .join(group.trim_start_matches('/'));
        let _ = fs::write(group.join("freezer.state"), "THAWED");
    }
}
