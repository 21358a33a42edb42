//! What this host can observe, in the words of the wire.
use norn_events::wire::event::v1::Capability;

use crate::kernel::Served;
use crate::sight::self_test::SelfTest;
use crate::tracker::Tracker;

/// What no mechanism here tells, on any host: people see it beside what is told.
const BLIND_SPOTS: &[(&str, &str)] = &[
    (
        "file.read.other",
        "opening a file for reading is told of sensitive files only; a copy, a hard link or another name hides one",
    ),
    (
        "file.attribute.new_calls",
        "inode flags by file_setattr and attributes by setxattrat (Linux 6.13 and later) are not seen",
    ),
    (
        "process.applets",
        "what busybox or a shell does by itself, without starting a program, is known by its files and connections only",
    ),
    (
        "process.environment.rest",
        "of an environment chosen variables are told, and none beyond its first 3 KiB",
    ),
    (
        "process.package.other",
        "which package a program belongs to is known by the databases of dpkg, rpm (SQLite) and apk, not by rpm's older ones (Berkeley DB, ndb)",
    ),
    (
        "process.code_in_memory",
        "code that a running program loads or makes in its own memory is not seen, nor are calls within an interpreter",
    ),
    #[cfg(not(target_arch = "x86_64"))]
    (
        "process.compat_calls",
        "system calls of 32-bit programs are counted, not interpreted",
    ),
    (
        "network.content",
        "what passes on the wire is not looked into, and datagrams without connect are not seen",
    ),
    (
        "host.login",
        "logins are known by the processes they start: what programs write into logs is not read",
    ),
];

pub fn list(served: &[Served], self_test: &SelfTest, tracker: &Tracker) -> Vec<Capability> {
    let mut capabilities: Vec<Capability> =
        served.iter().map(|served| of_signal(served, self_test)).collect();
    for capability in &mut capabilities {
        match capability.name.as_str() {
            "container.identity" if capability.available => judge_identity(capability, tracker),
            // It found the agent itself, with the agent's own pid.
            "process.snapshot" => {
                capability.verified = tracker.processes.by_pid(std::process::id()).is_some()
            }
            _ => {}
        }
    }
    capabilities.push(Capability {
        name: "process.kill_at_exec".to_owned(),
        available: true,
        mechanism: "bpf_send_signal".to_owned(),
        detail: "before the first user instruction".to_owned(),
        verified: false,
    });
    capabilities.push(Capability {
        name: "executable.sha256".to_owned(),
        available: tracker.hasher.is_some(),
        mechanism: tracker.hasher.as_ref().map_or("", |_| "read").to_owned(),
        detail: "computed after the start; unknown for what is gone by then".to_owned(),
        verified: false,
    });
    capabilities.extend(BLIND_SPOTS.iter().map(|(name, detail)| unavailable(name, detail)));
    capabilities
}

/// The agent's own cgroup must come out the same by its id and by /proc.
fn judge_identity(identity: &mut Capability, tracker: &Tracker) {
    let own = tracker
        .processes
        .by_pid(std::process::id())
        .and_then(|index| tracker.processes.get(index));
    identity.verified = own.is_some_and(|own| tracker.containers.can_name(own.cgroup_id, own.pid));
    if !identity.verified {
        identity.detail =
            "no cgroup v2 hierarchy can be looked into: containers that ran before the agent are known by /proc only"
                .to_owned();
    }
}

fn of_signal(served: &Served, self_test: &SelfTest) -> Capability {
    let name = served.signal.name.to_owned();
    match &served.mechanism {
        Ok(mechanism) => Capability {
            verified: self_test.proved().contains(&&*name),
            name,
            available: true,
            mechanism: mechanism.name.to_owned(),
            detail: served.signal.detail.to_owned(),
        },
        Err(reason) => Capability {
            name,
            detail: reason.clone(),
            ..Capability::default()
        },
    }
}

fn unavailable(name: &str, detail: &str) -> Capability {
    Capability {
        name: name.to_owned(),
        detail: detail.to_owned(),
        ..Capability::default()
    }
}
