//! What this host can observe, in the words of the wire.
use norn_events::wire::event::v1::Capability;

use crate::kernel::Served;
use crate::self_test::SelfTest;
use crate::tracker::Tracker;

pub fn list(served: &[Served], self_test: &SelfTest, tracker: &Tracker) -> Vec<Capability> {
    let mut capabilities: Vec<Capability> =
        served.iter().map(|served| of_signal(served, self_test)).collect();
    if let Some(identity) = capabilities
        .iter_mut()
        .find(|capability| capability.name == "container.identity")
    {
        let resolves = tracker.containers.can_resolve();
        identity.verified = resolves && identity.available;
        if !resolves {
            identity.detail = "no cgroup v2 hierarchy is mounted here: containers that ran before the agent are known by /proc only".to_owned();
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
    capabilities.push(unavailable(
        "file.io_uring",
        "files opened or changed through io_uring are not seen",
    ));
    capabilities.push(unavailable(
        "process.compat_calls",
        "system calls of 32-bit programs are counted, not interpreted",
    ));
    capabilities
}

fn of_signal(served: &Served, self_test: &SelfTest) -> Capability {
    let name = served.signal.name.to_owned();
    match &served.mechanism {
        Ok(mechanism) => Capability {
            verified: self_test.saw(&name),
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
