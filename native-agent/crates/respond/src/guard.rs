//! Processes that are never stopped, whatever a finding or a command says.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use norn_os::process::Stat;

/// Stopping one of these would take down every container of the host, or other people's work with it.
const RUNTIMES: [&str; 10] = [
    "runc",
    "crun",
    "youki",
    "containerd-shim",
    "containerd-shim-runc-v1",
    "containerd-shim-runc-v2",
    "containerd",
    "dockerd",
    "podman",
    "conmon",
];

/// Why a process is not stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    FirstProcess,
    KernelThread,
    Agent,
    ContainerRuntime,
}

impl Refusal {
    /// Stable; travels in outcomes.
    pub fn code(self) -> &'static str {
        match self {
            Self::FirstProcess => "refused_pid_1",
            Self::KernelThread => "refused_kernel_thread",
            Self::Agent => "refused_agent",
            Self::ContainerRuntime => "refused_container_runtime",
        }
    }
}

/// `None`: it may be stopped.
pub fn refusal(stat: &Stat, agent: &[u32]) -> Option<Refusal> {
    if stat.pid <= 1 {
        return Some(Refusal::FirstProcess);
    }
    if stat.is_kernel_thread() {
        return Some(Refusal::KernelThread);
    }
    if stat.pid == std::process::id() || agent.contains(&stat.pid) {
        return Some(Refusal::Agent);
    }
    is_runtime(stat.pid).then_some(Refusal::ContainerRuntime)
}

/// Who started it, when that is the same program: what keeps an agent running, and the installation beside it. A shell or an init
/// system is another program, and has started much else.
pub fn keeper_of(pid: u32) -> Option<u32> {
    let parent = Stat::of(pid)?.parent;
    let program = |pid: u32| {
        let image = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
        Some((image.dev(), image.ino()))
    };
    (parent > 1 && program(parent)? == program(pid)?).then_some(parent)
}

/// By name, but only where the host's administrator puts programs: in the agent's own mount and pid namespaces, below a
/// directory of programs. A container's own `runc` is no runtime of this host.
fn is_runtime(pid: u32) -> bool {
    let Ok(image) = fs::read_link(format!("/proc/{pid}/exe")) else {
        return false;
    };
    let named = image
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| RUNTIMES.contains(&name));
    named && is_program_directory(&image) && ["mnt", "pid"].iter().all(|namespace| is_shared(pid, namespace))
}

fn is_program_directory(image: &Path) -> bool {
    ["/usr", "/bin", "/sbin", "/opt", "/snap"]
        .iter()
        .any(|directory| image.starts_with(directory))
}

fn is_shared(pid: u32, namespace: &str) -> bool {
    let of = |who: &str| fs::read_link(format!("/proc/{who}/ns/{namespace}")).ok();
    of(&pid.to_string()).is_some_and(|theirs| of("self") == Some(theirs))
}

#[cfg(test)]
mod tests {
    use norn_os::process::PF_KTHREAD;

    use super::*;

    fn stat(pid: u32) -> Stat {
        Stat {
            pid,
            parent: 1,
            state: b'S',
            ..Stat::default()
        }
    }

    #[test]
    fn pid_1_kernel_threads_and_the_agent_are_refused() {
        assert_eq!(refusal(&stat(1), &[]), Some(Refusal::FirstProcess));
        assert_eq!(
            refusal(
                &Stat {
                    flags: PF_KTHREAD,
                    ..stat(2)
                },
                &[]
            ),
            Some(Refusal::KernelThread)
        );
        assert_eq!(refusal(&stat(std::process::id()), &[]), Some(Refusal::Agent));
        assert_eq!(refusal(&stat(999_999), &[999_999]), Some(Refusal::Agent));
    }

    #[test]
    fn a_keeper_is_of_the_same_program() {
        let mut outer = std::process::Command::new("sh");
        let mut outer = outer.args(["-c", "sh -c 'sleep 60; :'; :"]).spawn().unwrap();
        let child_of = |pid: u32| {
            let is_child = |stat: &Stat| stat.parent == pid;
            norn_os::process::all().into_iter().find(is_child)
        };
        let found = (0..500).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            let inner = child_of(outer.id())?.pid;
            Some((inner, child_of(inner)?.pid))
        });
        let (inner, sleep) = found.unwrap();
        let keepers = [inner, sleep, outer.id()].map(keeper_of);
        assert_eq!(keepers, [Some(outer.id()), None, None]);
        for pid in [sleep, inner] {
            std::process::Command::new("kill")
                .arg(pid.to_string())
                .status()
                .unwrap();
        }
        outer.kill().unwrap();
        outer.wait().unwrap();
    }

    #[test]
    fn an_ordinary_process_is_not_refused() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(refusal(&stat(child.id()), &[]), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
