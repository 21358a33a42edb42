//! The sensor as the daemon holds it. Without BPF the agent is not blind to who changes files: processes are then looked up
//! in /proc when a change names them.
use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use norn_events::wire::event::v1::Capability;
use norn_events::{ContentChange, Image, Observer, Process, ProcessTable, ProcessUid, process_uid};
use norn_inside::Inside;
use norn_os::boot_ns;
use norn_os::clock::{boot_id, wall_offset_ns};
use norn_os::process::{CLOCK_TICK_NS, Stat};
use norn_probe::{ExecPolicy, Holdings, Probe, ProbeOptions, ProbeStats, Sight};

/// The bulk ring's pages count as the agent's memory once they have been used, bytes: half the sensor's default.
const BULK_RING_BYTES: u32 = 8 << 20;
/// Handed out before changes of files are judged again: a backlog of events must not hold up a stop.
pub const EVENTS_PER_POLL_MAX: usize = 1_024;
/// Ancestors looked up for one change.
const ANCESTORS_MAX: usize = 16;

pub enum Sensor {
    Live(Box<Probe>),
    Proc(Box<FromProc>),
    /// In a container, without the host: calls of the application wait for the agent.
    Inside(Box<Inside>),
}

/// What is known without BPF.
pub struct FromProc {
    processes: ProcessTable,
    boot_id: [u8; 16],
    reason: String,
}

impl Sensor {
    /// Who reads `agent_key` is told.
    pub fn start(agent_key: Option<PathBuf>) -> Self {
        let options = ProbeOptions {
            agent_key,
            bulk_ring_bytes: BULK_RING_BYTES,
            events_per_poll_max: EVENTS_PER_POLL_MAX,
            canary: true,
            ..ProbeOptions::default()
        };
        match Probe::start(&options) {
            Ok(probe) => Self::Live(Box::new(probe)),
            Err(error) => {
                tracing::error!(%error, "sensor_unavailable: processes are looked up in /proc only");
                Self::Proc(Box::new(FromProc {
                    processes: ProcessTable::default(),
                    boot_id: boot_id().unwrap_or_default(),
                    reason: error.to_string(),
                }))
            }
        }
    }

    /// Hands out what waits; how many events that were.
    pub fn poll(&mut self, observers: &mut [&mut dyn Observer]) -> usize {
        let probe = match self {
            Self::Live(probe) => probe,
            Self::Proc(_) => return 0,
            Self::Inside(inside) => return inside.poll(observers),
        };
        probe.poll(Duration::ZERO, observers).unwrap_or_else(|error| {
            tracing::error!(%error, "the sensor failed");
            0
        })
    }

    /// Of all that happened before, the events have been handed out. CLOCK_BOOTTIME, ns.
    pub fn seen_ns(&self) -> u64 {
        match self {
            Self::Live(probe) => probe.seen_ns(),
            // Those inside come by one way with the changes, and /proc tells of now.
            Self::Proc(_) | Self::Inside(_) => boot_ns(),
        }
    }

    /// There are events that waited when `poll` began and are to be handed out yet.
    pub fn has_more(&self) -> bool {
        match self {
            Self::Live(probe) => probe.has_more(),
            // Each call of those inside wakes whoever waits.
            Self::Proc(_) | Self::Inside(_) => false,
        }
    }

    /// Whoever waits for a judgement goes on.
    pub fn let_go(&mut self) {
        if let Self::Inside(inside) = self {
            inside.let_go();
        }
    }

    pub fn wake_fds(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Live(probe) => probe.wake_fds().to_vec(),
            Self::Proc(_) => Vec::new(),
            Self::Inside(inside) => inside.fd().into_iter().collect(),
        }
    }

    pub fn processes(&self) -> &ProcessTable {
        match self {
            Self::Live(probe) => probe.processes(),
            Self::Proc(proc) => &proc.processes,
            Self::Inside(inside) => inside.processes(),
        }
    }

    /// The container that this agent is inside of.
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::Inside(inside) => inside.container(),
            Self::Live(_) | Self::Proc(_) => None,
        }
    }

    pub fn stats(&self) -> ProbeStats {
        match self {
            Self::Live(probe) => probe.stats(),
            Self::Proc(_) => ProbeStats::default(),
            Self::Inside(inside) => ProbeStats {
                events: inside.stats().events,
                lost_bulk: inside.stats().unread,
                ..ProbeStats::default()
            },
        }
    }

    /// Inside a container: calls whose caller's memory could not be read.
    pub fn unread(&self) -> u64 {
        match self {
            Self::Inside(inside) => inside.stats().unread,
            Self::Live(_) | Self::Proc(_) => 0,
        }
    }

    pub fn boot_id(&self) -> [u8; 16] {
        match self {
            Self::Live(probe) => probe.boot_id(),
            Self::Proc(proc) => proc.boot_id,
            Self::Inside(inside) => inside.boot_id(),
        }
    }

    /// Unix time minus CLOCK_BOOTTIME, ns.
    pub fn wall_offset_ns(&self) -> i64 {
        match self {
            Self::Live(probe) => probe.wall_offset_ns(),
            Self::Proc(_) | Self::Inside(_) => wall_offset_ns(),
        }
    }

    pub fn capabilities(&self) -> Vec<Capability> {
        match self {
            Self::Live(probe) => probe.capabilities(),
            Self::Inside(inside) => inside.capabilities(),
            Self::Proc(proc) => vec![Capability {
                name: "process.lifecycle".to_owned(),
                detail: format!(
                    "only processes that change protected files are known, from /proc: {}",
                    proc.reason
                ),
                ..Capability::default()
            }],
        }
    }

    /// What has changed about what is seen, since the last call.
    pub fn take_sights(&mut self) -> Vec<Sight> {
        match self {
            Self::Live(probe) => probe.take_sights(),
            Self::Proc(_) | Self::Inside(_) => Vec::new(),
        }
    }

    /// See `Probe::take_holdings`.
    pub fn take_holdings(&mut self) -> Option<Holdings> {
        match self {
            Self::Live(probe) => probe.take_holdings(),
            Self::Proc(_) | Self::Inside(_) => None,
        }
    }

    /// See `Probe::slow_down`.
    pub fn slow_down(&self, pid: u32) {
        if let Self::Live(probe) = self {
            probe.slow_down(pid);
        }
    }

    pub fn kill_memfd_at_exec(&mut self, kill_memfd: bool) {
        let Self::Live(probe) = self else { return };
        if let Err(error) = probe.set_exec_policy(ExecPolicy {
            kill_memfd,
            kill_deleted: false,
            containers_only: true,
        }) {
            tracing::error!(%error, "exec_policy_refused: fileless programs are killed after their start");
        }
    }

    /// Makes sure that who made a change is known, if /proc still knows.
    pub fn learn(&mut self, change: &ContentChange) {
        let Self::Proc(proc) = self else { return };
        let FromProc {
            processes, boot_id, ..
        } = &mut **proc;
        let mut pid = change.pid;
        for _ in 0..ANCESTORS_MAX {
            if pid == 0 || processes.by_pid(pid).is_some() {
                return;
            }
            let Some(process) = look_up(pid, boot_id) else {
                return;
            };
            pid = process.parent_pid;
            processes.insert(process);
        }
    }

    /// Marks processes that are gone. About once a second.
    pub fn sweep(&mut self) {
        let Self::Proc(proc) = self else { return };
        let processes = &mut proc.processes;
        let now_ns = boot_ns();
        let gone: Vec<_> = processes
            .iter()
            .filter(|(_, process)| {
                process.end_time_ns.is_none()
                    && start_ticks(process.pid) != Some(process.start_time_ns / CLOCK_TICK_NS)
            })
            .map(|(index, _)| index)
            .collect();
        gone.into_iter().for_each(|index| processes.end(index, now_ns));
        processes.sweep(now_ns);
    }
}

fn start_ticks(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.start_ticks)
}

fn look_up(pid: u32, boot_id: &[u8; 16]) -> Option<Process> {
    let stat = Stat::of(pid)?;
    let (parent_pid, start_time_ns) = (stat.parent, stat.start_ticks * CLOCK_TICK_NS);
    let parent_uid = start_ticks(parent_pid).map_or(ProcessUid::UNKNOWN, |ticks| {
        process_uid(boot_id, parent_pid, ticks * CLOCK_TICK_NS)
    });
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok().unwrap_or_default();
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    Some(Process {
        uid: process_uid(boot_id, pid, start_time_ns),
        parent_uid,
        pid,
        namespace_pid: pid,
        parent_pid,
        start_time_ns,
        end_time_ns: None,
        image_number: 0,
        image: Arc::new(Image {
            path: path.as_os_str().as_bytes().to_vec(),
            command_line: command_line
                .iter()
                .map(|&byte| if byte == 0 { b' ' } else { byte })
                .take(4_096)
                .collect(),
            ..Image::default()
        }),
        container: container_of(pid),
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: norn_probe::read_credentials(pid),
    })
}

/// The first 64 hex digits in a row in the process's cgroup paths.
fn container_of(pid: u32) -> Option<Arc<str>> {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    cgroups
        .split(|letter: char| !letter.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
        .map(Arc::from)
}

#[cfg(test)]
mod tests {
    use norn_events::ChangeKind;

    use super::*;

    #[test]
    fn without_bpf_a_change_makes_its_process_and_its_ancestors_known() {
        let mut sensor = Sensor::Proc(Box::new(FromProc {
            processes: ProcessTable::default(),
            boot_id: boot_id().unwrap_or_default(),
            reason: String::new(),
        }));
        let change = ContentChange {
            time_ns: 1,
            pid: std::process::id(),
            process: None,
            container: None,
            path: b"/x".to_vec(),
            kind: ChangeKind::Created,
            before: None,
            after: None,
        };
        sensor.learn(&change);
        let own = sensor
            .processes()
            .by_pid(std::process::id())
            .expect("this process is known");
        let parent = sensor.processes().parent(own).expect("and its parent");
        assert_eq!(
            sensor.processes().get(parent).unwrap().pid,
            std::os::unix::process::parent_id()
        );
    }
}
