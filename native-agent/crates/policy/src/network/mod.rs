//! Connections, datagrams and binds are refused by programs of the root cgroup, which decide without asking. What depends on the
//! program is worked out here when it starts, while its exec waits.
mod kernel;
pub mod lines;

use std::sync::Mutex;
use std::sync::PoisonError;

pub use kernel::Counters;
use kernel::{GUARDED_MAX, Kernel, Refused, Settings, Tables};
use lines::{Lines, Rights};
use norn_events::wire::policy::v1::{HostEvent, HostField};
use norn_os::process::pids;

use crate::decide::Facts;
use crate::denial::Denial;
use crate::facts::{ProgramFacts, Sources};
use crate::{EnforceError, Policy, proc};

/// A policy's rules about the network, in the kernel until this is dropped.
pub struct Network {
    lines: Lines,
    kernel: Kernel,
    settings: Mutex<Settings>,
}

impl Network {
    /// Decides from here on; what runs already is looked at before.
    pub fn start(
        lines: Lines,
        sources: &Sources,
        guarded: &[u32],
        now_us: u64,
    ) -> Result<Self, EnforceError> {
        let (users, any_user) = lines.users();
        let mut settings = Settings {
            connect: lines.of(HostEvent::Connect).into(),
            bind: lines.of(HostEvent::Bind).into(),
            tcp: lines.of_protocol("tcp").into(),
            udp: lines.of_protocol("udp").into(),
            other: lines.of_protocol("").into(),
            any_user: any_user.into(),
            unknown_sure: lines.sure_of_all().into(),
            denies: lines.denying(now_us).into(),
            guarded: [0; GUARDED_MAX],
        };
        put_guarded(&mut settings, guarded);
        let kernel = Kernel::load(&Tables {
            settings,
            ports: lines.ports(),
            networks: lines.networks(),
            users: users.into_iter().collect(),
        })?;
        let network = Self {
            lines,
            kernel,
            settings: Mutex::new(settings),
        };
        if network.asks_for_programs() {
            network.kernel.follow_processes()?;
            network.look_at_all(sources);
        }
        network.kernel.decide()?;
        Ok(network)
    }

    pub fn asks_for_places(&self) -> bool {
        self.lines.ask_for_places()
    }

    pub fn asks_for_programs(&self) -> bool {
        self.lines.ask_for_programs()
    }

    fn change(&self, how: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        how(&mut settings);
        if let Err(error) = self.kernel.set(&settings) {
            tracing::error!(%error, "the policy's settings can't be changed");
        }
    }

    pub fn guard(&self, pids: &[u32]) {
        self.change(|settings| put_guarded(settings, pids));
    }

    /// Staged rules whose moment has come refuse from here on.
    pub fn stage(&self, now_us: u64) {
        self.change(|settings| settings.denies = self.lines.denying(now_us).into());
    }

    pub fn rights_of_starting(&self, facts: &mut ProgramFacts<'_>) -> Rights {
        self.lines.rights(facts)
    }

    /// The process will have these once it runs the file with this inode.
    pub fn expect(&self, pid: u32, inode: u64, rights: Rights) {
        if !self.asks_for_programs() {
            return;
        }
        if let Err(error) = self.kernel.expect(pid, inode, rights) {
            tracing::warn!(%error, pid, "the network's rules don't know this program");
        }
    }

    /// All that run: when the policy comes, and when more is known of containers.
    pub fn look_at_all(&self, sources: &Sources) {
        pids().for_each(|pid| self.look_at(pid, sources));
    }

    /// A program that started unasked.
    pub fn look_at_unknown(&self, pid: u32, sources: &Sources) {
        if self.asks_for_programs() && !self.kernel.knows_process(pid) {
            self.look_at(pid, sources);
        }
    }

    fn look_at(&self, pid: u32, sources: &Sources) {
        let mut rights = self.lines.rights(&mut ProgramFacts::running(sources, pid));
        if let Some(before) = self.kernel.rights_of(pid) {
            rights = rights.refined(before);
        }
        // The map may be full: then the process stays unknown, and is let be.
        if let Err(error) = self.kernel.put_process(pid, rights) {
            tracing::debug!(%error, pid, "the network's rules don't know this process");
        }
    }

    pub fn counters(&self) -> Counters {
        self.kernel.counters()
    }

    /// Refused since the last call, told with what can still be known of the processes.
    pub fn take_denials(&self, policy: &Policy, generation: u64, sources: &Sources) -> Vec<Denial> {
        let refused = self.kernel.take_refused();
        let told = refused.into_iter().take(crate::denial::DENIALS_MAX);
        told.filter_map(|refused| self.denial(refused, (policy, generation), sources))
            .collect()
    }

    fn denial(
        &self,
        refused: Refused,
        (policy, generation): (&Policy, u64),
        sources: &Sources,
    ) -> Option<Denial> {
        let rule = self.lines.rule(refused.line)?;
        let mut facts = RequestFacts {
            program: ProgramFacts::running(sources, refused.pid),
            refused: &refused,
        };
        let mut matched = Vec::new();
        // Which of its matches it was is told by the facts; a process that is gone has fewer.
        let holds = |one: &crate::rule::Match, matched: &mut Vec<_>, facts: &mut RequestFacts<'_>| {
            matched.clear();
            one.holds(facts, matched) != Some(false)
        };
        let _found = policy
            .rules
            .get(rule)?
            .any
            .iter()
            .find(|one| holds(one, &mut matched, &mut facts));
        let parent = proc::status(refused.pid).and_then(|status| proc::image(status.parent));
        let image = facts.program.first(HostField::Image);
        Some(Denial {
            event: if refused.is_bind {
                HostEvent::Bind
            } else {
                HostEvent::Connect
            },
            rule,
            generation,
            time_ns: refused.time_ns,
            pid: refused.pid,
            start_time_ns: refused.start_time_ns,
            start_ticks: 0,
            process: image.clone(),
            parent: parent.unwrap_or_default(),
            image,
            container: facts.program.first(HostField::Container),
            user: refused.user.to_string(),
            address: refused.address.to_string(),
            port: refused.port,
            protocol: protocol_name(refused.protocol),
            matched,
        })
    }
}

fn put_guarded(settings: &mut Settings, pids: &[u32]) {
    settings.guarded = [0; GUARDED_MAX];
    settings
        .guarded
        .iter_mut()
        .zip(pids)
        .for_each(|(place, &pid)| *place = pid);
}

fn protocol_name(number: u8) -> &'static str {
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    match number {
        TCP => "tcp",
        UDP => "udp",
        _ => "",
    }
}

/// A request, and the program that made it.
struct RequestFacts<'a> {
    program: ProgramFacts<'a>,
    refused: &'a Refused,
}

impl Facts for RequestFacts<'_> {
    fn values(&mut self, field: HostField) -> Option<Vec<String>> {
        match field {
            HostField::DestinationIp => Some(vec![self.refused.address.to_string()]),
            HostField::DestinationPort => Some(vec![self.refused.port.to_string()]),
            HostField::Protocol => Some(vec![protocol_name(self.refused.protocol).to_owned()]),
            HostField::UserId => Some(vec![self.refused.user.to_string()]),
            field => self.program.values(field),
        }
    }
}
