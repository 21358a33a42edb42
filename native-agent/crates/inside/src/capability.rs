//! What a container can see, prevent and restore from within, by what it was given.
use std::io;

use norn_events::wire::event::v1::Capability;
use norn_os::rights::{Capabilities, mask_of};

const NET_ADMIN: u32 = 12;
const SYS_PTRACE: u32 = 19;
/// Given to the container for the agent.
pub const AGENTS_OWN: [u32; 2] = [NET_ADMIN, SYS_PTRACE];

const MECHANISM: &str = "seccomp notify";

/// What the agent itself may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privileges {
    pub root: bool,
    pub first_process: bool,
    effective: u64,
}

impl Privileges {
    pub fn own() -> Self {
        Self {
            root: nix::unistd::geteuid().is_root(),
            first_process: std::process::id() == 1,
            effective: Capabilities::own().map_or(0, |own| own.effective),
        }
    }

    pub fn has(&self, capability: u32) -> bool {
        self.effective & (1 << capability) != 0
    }
}

/// Of a process that is to start the application, which gains no privileges any more (`no_new_privs`): what is taken from it here
/// does not come back with the program, also where CAP_SETPCAP is missing.
pub fn lay_down_agents_own() -> io::Result<()> {
    Capabilities::own()?.within(!mask_of(&AGENTS_OWN)).hold()
}

/// What the agent's file is only permitted (so that it starts without it, too) is put to use.
pub fn take_up_permitted() {
    if let Ok(own) = Capabilities::own() {
        let effective = own.permitted;
        // What is refused is missing in the report.
        let _ = Capabilities { effective, ..own }.hold();
    }
}

/// With the privileges of this process, as an application of the same user would have it.
pub fn capabilities() -> Vec<Capability> {
    take_up_permitted();
    report(&Privileges::own(), false, "a file without a name, or memory")
}

/// `other_user`: the application runs as somebody else than the agent.
pub fn report(privileges: &Privileges, other_user: bool, vault: &str) -> Vec<Capability> {
    let ptrace = privileges.has(SYS_PTRACE);
    let reads_all = ptrace || !other_user;
    let seen = match (ptrace, reads_all) {
        (true, _) => "of every program that is started below the agent",
        (_, true) => {
            "of programs whose memory their user may read: one that closes it (PR_SET_DUMPABLE) is counted as events_lost"
        }
        _ => "of nothing: the application runs as another user, and the agent has no SYS_PTRACE",
    };
    let blind = "not of programs that are started beside it (docker exec), nor of 32-bit calls, io_uring and opens by handle, which are refused";
    let served = |name: &str, detail: String| capability(name, reads_all, &detail);
    let mut report = vec![
        Capability {
            name: "container.identity".to_owned(),
            available: true,
            mechanism: "cgroup, mounts".to_owned(),
            ..Capability::default()
        },
        served("process.lifecycle", format!("{seen}; {blind}")),
        served("file.open", "opens that may change a file".to_owned()),
        served(
            "file.change",
            "before it happens; a call that then fails is told of as well".to_owned(),
        ),
        served("network.connection", "outgoing ones and listeners".to_owned()),
        served("process.stdio_socket", String::new()),
        served("process.memfd", String::new()),
        served("process.ptrace", String::new()),
        served("process.write", String::new()),
        served("file.preimage", preimage(privileges, vault)),
        served("process.kill", kill(privileges, other_user)),
        served("agent.protection", protection(privileges, other_user)),
    ];
    report.extend(missing());
    report
}

fn preimage(privileges: &Privileges, vault: &str) -> String {
    let owner = match privileges.root {
        true => "with owner and attributes",
        false => "of files of the agent's own user; an owner is not given back",
    };
    format!(
        "kept in {vault}, {owner}; files above 64 MiB are kept where time and room allow, and are else told of as lost; \
         a thread that swaps a path while another's call waits changes a file unseen; gone with the container"
    )
}

fn kill(privileges: &Privileges, other_user: bool) -> String {
    match privileges.root || !other_user {
        true => "before the call that completes the evidence goes on".to_owned(),
        false => "not of processes of another user".to_owned(),
    }
}

/// Who is out of whose reach.
fn protection(privileges: &Privileges, other_user: bool) -> String {
    let end = match (privileges.first_process, other_user && privileges.root) {
        (true, _) => "as the first process it can't be killed from within",
        (_, true) => "the application's user can't kill it",
        _ => "it can be killed by the application's user: make it the container's first process",
    };
    format!("its memory, its capabilities and the vault are out of the application's reach; {end}")
}

fn missing() -> Vec<Capability> {
    [
        (
            "process.instructions",
            "what processes execute is not sampled inside a container: miners are not seen",
        ),
        ("executable.sha256", "programs are not hashed inside a container"),
        (
            "file.read",
            "reading of sensitive files is not watched inside a container",
        ),
        (
            "file.preimage.mount",
            "a volume is protected only from changes by this container",
        ),
    ]
    .into_iter()
    .map(|(name, detail)| Capability {
        name: name.to_owned(),
        detail: detail.to_owned(),
        ..Capability::default()
    })
    .collect()
}

fn capability(name: &str, available: bool, detail: &str) -> Capability {
    Capability {
        name: name.to_owned(),
        available,
        mechanism: if available { MECHANISM } else { "" }.to_owned(),
        detail: detail.to_owned(),
        verified: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privileges(root: bool, effective: u64) -> Privileges {
        Privileges {
            root,
            first_process: true,
            effective,
        }
    }

    fn detail(report: &[Capability], name: &str) -> (bool, String) {
        let found = report.iter().find(|capability| capability.name == name).unwrap();
        (found.available, found.detail.clone())
    }

    #[test]
    fn without_privileges_it_says_what_it_does_not_see() {
        let report = report(&privileges(false, 0), false, "memory");
        let (available, said) = detail(&report, "process.lifecycle");
        assert!(available && said.contains("events_lost"), "{said}");
        assert!(detail(&report, "file.preimage").1.contains("not given back"));
    }

    #[test]
    fn another_users_application_is_not_seen_without_ptrace() {
        let report = report(&privileges(true, 0), true, "memory");
        assert!(!detail(&report, "file.preimage").0);
    }
}
