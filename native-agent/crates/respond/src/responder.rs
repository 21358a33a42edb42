//! Freezes, kills and thaws the subtree of a process.
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use norn_events::{Process, ProcessTable, ProcessUid};
use norn_os::process::{self, Stat};
use norn_os::{ProcessHandle, boot_ns, wait_for_end};

use crate::Refusal;
use crate::guard::refusal;

/// A process left stopped, named so that it is known again after a restart of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrozenMember {
    pub pid: u32,
    pub start_ticks: u64,
}

/// What was done to a subtree.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Host pids killed, frozen or thawed, as the call asked.
    pub pids: Vec<u32>,
    /// Left alone, and why. The root among them means that nothing was done.
    pub refused: Vec<(u32, Refusal)>,
    /// Killed but not ended within `END_WAIT`: stuck in the kernel.
    pub lingering: Vec<u32>,
    /// CLOCK_BOOTTIME, ns.
    pub started_ns: u64,
    /// When the last member was stopped; no instruction of the subtree ran after it.
    pub stopped_ns: u64,
}

/// Stops and thaws. Keeps who was frozen, so that only those are thawed.
#[derive(Debug, Default)]
pub struct Responder {
    agent: Vec<u32>,
    frozen: HashMap<ProcessUid, Vec<FrozenMember>>,
}

impl Responder {
    /// Rounds of "look for new members and stop them". A stopped process cannot fork, so two or three are enough; the
    /// bound is for a subtree that grows faster than it can be listed.
    const ROUNDS_MAX: usize = 64;
    /// How long killed processes are waited for.
    const END_WAIT: Duration = Duration::from_millis(250);
    /// Scopes remembered as frozen; suspending more is still done, but thawed by state, not by memory.
    const FROZEN_MAX: usize = 1_024;

    /// Pids of the agent's own processes, beside this one.
    pub fn guard(&mut self, agent: Vec<u32>) {
        self.agent = agent;
    }

    pub fn frozen(&self) -> impl Iterator<Item = (ProcessUid, &[FrozenMember])> {
        self.frozen
            .iter()
            .map(|(scope, members)| (*scope, members.as_slice()))
    }

    /// Takes over what an earlier agent froze.
    pub fn adopt(&mut self, scope: ProcessUid, members: Vec<FrozenMember>) {
        self.frozen.insert(scope, members);
    }

    pub fn is_frozen(&self, scope: ProcessUid) -> bool {
        self.frozen.contains_key(&scope)
    }

    /// Stops `scope` and all below it, and leaves them stopped.
    pub fn suspend(&mut self, scope: ProcessUid, processes: &ProcessTable) -> Report {
        let started_ns = boot_ns();
        let (handles, refused) = self.freeze(&[scope], processes);
        let stopped_ns = boot_ns();
        let fresh = handles.iter().filter(|handle| !handle.stat.is_stopped());
        let members: Vec<FrozenMember> = fresh
            .map(|handle| FrozenMember {
                pid: handle.stat.pid,
                start_ticks: handle.stat.start_ticks,
            })
            .collect();
        if self.frozen.len() < Self::FROZEN_MAX {
            self.frozen.entry(scope).or_default().extend(&members);
        }
        let pids = handles.iter().map(|handle| handle.stat.pid).collect();
        Report {
            pids,
            refused,
            lingering: Vec::new(),
            started_ns,
            stopped_ns,
        }
    }

    /// Stops `scope` and all below it, then kills them.
    pub fn kill(&mut self, scope: ProcessUid, processes: &ProcessTable) -> Report {
        self.kill_all(&[scope], processes)
    }

    /// The same of several, which may lie one below the other. One that is refused leaves the others to be killed.
    pub fn kill_all(&mut self, scopes: &[ProcessUid], processes: &ProcessTable) -> Report {
        let started_ns = boot_ns();
        let (handles, refused) = self.freeze(scopes, processes);
        let stopped_ns = boot_ns();
        // Children first: were a parent to end while its children are still stopped, the kernel would send SIGHUP to
        // their whole process group, and that may hold processes that are none of this subtree.
        let pids: Vec<u32> = handles
            .iter()
            .rev()
            .filter(|handle| handle.signal(libc::SIGKILL))
            .map(|handle| handle.stat.pid)
            .collect();
        let lingering = wait_for_end(&handles, Self::END_WAIT).unwrap_or_default();
        for scope in scopes {
            self.frozen.remove(scope);
        }
        Report {
            pids,
            refused,
            lingering,
            started_ns,
            stopped_ns,
        }
    }

    /// Lets what was frozen go on. Processes that were stopped before stay stopped.
    pub fn release(&mut self, scope: ProcessUid, processes: &ProcessTable) -> Report {
        let started_ns = boot_ns();
        let members = self
            .frozen
            .remove(&scope)
            .unwrap_or_else(|| stopped_members(scope, processes));
        let pids = members
            .iter()
            .filter_map(|member| Some((member, Stat::of_any_thread(member.pid)?)))
            .filter(|(member, now)| now.start_ticks == member.start_ticks)
            .filter_map(|(_, now)| ProcessHandle::open(now))
            .filter(|handle| handle.signal(libc::SIGCONT))
            .map(|handle| handle.stat.pid)
            .collect();
        Report {
            pids,
            started_ns,
            stopped_ns: boot_ns(),
            ..Report::default()
        }
    }

    /// Anyone of the subtree still running, though it was stopped before: somebody slipped through, or was started by a
    /// process whose end the table learned of later.
    pub fn has_survivors(&self, scope: ProcessUid, processes: &ProcessTable) -> bool {
        known_members(&[scope], processes)
            .iter()
            .any(|stat| !stat.has_ended() && !stat.is_stopped() && refusal(stat, &self.agent).is_none())
    }

    fn freeze(
        &self,
        scopes: &[ProcessUid],
        processes: &ProcessTable,
    ) -> (Vec<ProcessHandle>, Vec<(u32, Refusal)>) {
        let mut freeze = Freeze {
            agent: &self.agent,
            seen: HashSet::new(),
            handles: Vec::new(),
            refused: Vec::new(),
        };
        // A root that is refused takes its subtree out; the roots are looked at before anybody is stopped.
        let may_be_stopped = |scope: &&ProcessUid| {
            let root = processes.by_uid(**scope).and_then(|index| processes.get(index));
            let stat = root.and_then(running);
            let refused = stat.and_then(|stat| Some((stat.pid, refusal(&stat, &self.agent)?)));
            freeze.refused.extend(refused);
            refused.is_none()
        };
        let scopes: Vec<ProcessUid> = scopes.iter().filter(may_be_stopped).copied().collect();
        // The table knows children whose parents have ended; no list of all processes is needed for a first stop.
        let known = known_members(&scopes, processes);
        known.into_iter().for_each(|stat| freeze.stop(stat));
        for _ in 0..Self::ROUNDS_MAX {
            if !freeze.stop_children() {
                break;
            }
        }
        (freeze.handles, freeze.refused)
    }
}

/// A subtree while it is being stopped.
struct Freeze<'a> {
    agent: &'a [u32],
    seen: HashSet<u32>,
    handles: Vec<ProcessHandle>,
    refused: Vec<(u32, Refusal)>,
}

impl Freeze<'_> {
    fn stop(&mut self, stat: Stat) {
        if stat.has_ended() || self.seen.contains(&stat.pid) {
            return;
        }
        self.seen.insert(stat.pid);
        if let Some(refusal) = refusal(&stat, self.agent) {
            self.refused.push((stat.pid, refusal));
            return;
        }
        if let Some(handle) = ProcessHandle::open(stat)
            && handle.signal(libc::SIGSTOP)
        {
            self.handles.push(handle);
        }
    }

    /// One look at all processes; true when there were new members. What was refused is not descended into.
    fn stop_children(&mut self) -> bool {
        let all = process::all();
        let mut grew = false;
        loop {
            let members: HashSet<u32> = self.handles.iter().map(|handle| handle.stat.pid).collect();
            let fresh: Vec<Stat> = all
                .iter()
                .filter(|stat| {
                    members.contains(&stat.parent) && !self.seen.contains(&stat.pid) && !stat.has_ended()
                })
                .copied()
                .collect();
            if fresh.is_empty() {
                return grew;
            }
            grew = true;
            fresh.into_iter().for_each(|stat| self.stop(stat));
        }
    }
}

/// Running members of the subtree that the table knows, each still the process the table means.
fn known_members(scopes: &[ProcessUid], processes: &ProcessTable) -> Vec<Stat> {
    let known = processes.subtrees(scopes).into_iter();
    known.filter_map(|index| running(processes.get(index)?)).collect()
}

/// `None` when it has ended, or its pid belongs to another.
fn running(process: &Process) -> Option<Stat> {
    let stat = Stat::of_any_thread(process.pid).filter(|_| process.end_time_ns.is_none())?;
    (process::ticks(process.start_time_ns) == stat.start_ticks).then_some(stat)
}

fn stopped_members(scope: ProcessUid, processes: &ProcessTable) -> Vec<FrozenMember> {
    known_members(&[scope], processes)
        .into_iter()
        .filter(Stat::is_stopped)
        .map(|stat| FrozenMember {
            pid: stat.pid,
            start_ticks: stat.start_ticks,
        })
        .collect()
}

#[cfg(test)]
#[path = "responder_tests.rs"]
mod tests;
