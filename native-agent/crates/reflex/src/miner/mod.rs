//! Crypto-mining by what the CPU spends its time on: samples of running code, the loops around them, and for how long, over
//! a process and over whoever started it. Arguments, names and pools are not looked at.
mod account;

use std::collections::{HashMap, HashSet};

use norn_events::{Process, ProcessIndex, ProcessTable, ProcessUid};
use norn_insight::{Origin, Sample};

use crate::firing::evidence as field;
use crate::sight::{Listing, Sight};
use crate::{Context, Firing, Rule};
use account::Account;
use norn_programs::lineage::{chain, does_as_told, image_name, is_foreign, is_system_path};

/// Processes whose time is accounted for; those that came late are left out.
const ACCOUNTS_MAX: usize = 4_096;
/// Samples that must have been decoded before anything is said.
const DECODED_MIN: u32 = 16;

/// How long, and how much of its time, a lineage must hash before it mines, and how much of one core it takes meanwhile: less
/// is not worth an operator's while. A program that came with the system is given more: backups and downloads hash too, but
/// not only, and so does a busy server's TLS.
struct Patience {
    ns: u64,
    percent: u32,
    core_percent: u64,
}
const FOREIGN: Patience = Patience {
    ns: 10_000_000_000,
    percent: 50,
    core_percent: 10,
};
const UNKNOWN: Patience = Patience {
    ns: 20_000_000_000,
    percent: 60,
    core_percent: 20,
};

#[derive(Default)]
pub(crate) struct Miner {
    accounts: HashMap<ProcessUid, Account>,
    fired: HashSet<ProcessUid>,
    watched_ns: u64,
    now_ns: u64,
}

/// Something that looked like mining makes the sampler look closely for this long, ns.
const WATCH_NS: u64 = 5_000_000_000;

impl Miner {
    /// CPU time of a process goes to its account and to those of whoever started it.
    pub fn spent(&mut self, index: ProcessIndex, samples: &[Sample], (now_ns, context): (u64, &Context<'_>)) {
        let ns: u64 = samples.iter().map(|sample| sample.weight_ns).sum();
        self.each_account(index, context, |account| account.slot(now_ns).cpu_ns += ns);
    }

    /// True when it is a hash that nobody vouches for.
    pub fn see(&mut self, sight: &Sight<'_>, (now_ns, context): (u64, &mut Context<'_>)) -> bool {
        let (Some(kernel), Some(process)) = (sight.kernel, context.processes.get(sight.index)) else {
            return false;
        };
        let kernel = kernel.filter(|_| !is_vouched_for(process, sight, context));
        let foreign = is_foreign(process);
        self.each_account(sight.index, context, |account| {
            account.see(kernel, foreign, now_ns)
        });
        if kernel.is_some() {
            self.watched_ns = now_ns;
        }
        kernel.is_some()
    }

    /// The lowest of the lineage whose subtree hashes long enough.
    pub fn decide(
        &mut self,
        index: ProcessIndex,
        list: &mut dyn FnMut() -> Listing,
        (now_ns, context): (u64, &mut Context<'_>),
    ) -> Option<Firing> {
        let process = context.processes.get(index)?;
        let chain = chain(context.processes, index, context.guarded);
        let uid = |index: ProcessIndex| context.processes.get(index).map(|process| process.uid);
        if chain
            .iter()
            .filter_map(|&index| uid(index))
            .any(|uid| self.fired.contains(&uid))
        {
            return None;
        }
        let at = chain.iter().position(|&index| {
            let account = uid(index).and_then(|uid| self.accounts.get(&uid));
            account.is_some_and(|account| mines(account, now_ns))
        })?;
        let account = self.accounts.remove(&uid(chain[at])?)?;
        let scope = top_of_same_image(&chain[at..], context.processes);
        // What it did is said; its ancestors are not to be blamed for it once more.
        chain.iter().filter_map(|&index| uid(index)).for_each(|uid| {
            self.accounts.remove(&uid);
        });
        self.fired.insert(scope.uid);
        let observe_only = sums_files(process, context).then_some(SUMS_FILES);
        Some(Firing {
            observe_only: observe_only.map(Into::into),
            ..firing((process, scope), &account, (now_ns, &list()))
        })
    }

    pub fn is_watching(&self) -> bool {
        self.watched_ns != 0 && self.watched_ns + WATCH_NS > self.now_ns
    }

    pub fn sweep(&mut self, now_ns: u64, processes: &ProcessTable) {
        self.now_ns = now_ns;
        self.accounts
            .retain(|uid, account| !account.is_idle(now_ns) && processes.by_uid(*uid).is_some());
        self.fired.retain(|uid| processes.by_uid(*uid).is_some());
    }

    /// Those of the process and of whoever started it.
    fn each_account(
        &mut self,
        index: ProcessIndex,
        context: &Context<'_>,
        mut act: impl FnMut(&mut Account),
    ) {
        for index in chain(context.processes, index, context.guarded) {
            let Some(process) = context.processes.get(index) else {
                continue;
            };
            if self.accounts.len() < ACCOUNTS_MAX {
                act(self.accounts.entry(process.uid).or_default());
            } else if let Some(account) = self.accounts.get_mut(&process.uid) {
                act(account);
            }
        }
    }
}

/// The code is its package's own, and does not do as others tell it.
fn is_vouched_for(process: &Process, sight: &Sight<'_>, context: &mut Context<'_>) -> bool {
    let own_code = sight
        .place
        .is_none_or(|place| place.origin == Origin::File && is_system_path(&place.path));
    own_code && !does_as_told(process) && context.provenance.is_package_owned(process)
}

const SUMS_FILES: &str =
    "somebody at a terminal started it, and it reads as much as it hashes, as a tool that sums files does";

/// A hashing tool that somebody built and runs looks like a miner by what it computes. To read on the side costs a miner
/// little, so this is no excuse, and none at all for what came from outside: it is told of and not ended.
fn sums_files(process: &Process, context: &mut Context<'_>) -> bool {
    !is_foreign(process)
        && !process.credentials.terminal().is_empty()
        && context.provenance.reads_as_it_hashes(process)
}

fn mines(account: &Account, now_ns: u64) -> bool {
    let patience = if account.is_foreign() { FOREIGN } else { UNKNOWN };
    let duration_ns = account.duration_ns(now_ns);
    account.decoded() >= DECODED_MIN
        && duration_ns >= patience.ns
        && account.hash_percent() >= patience.percent
        && account.cpu_ns() * 100 >= duration_ns.min(Account::WINDOW_NS) * patience.core_percent
}

/// Workers that a program started of itself are one with it. `chain`: lowest first, never empty.
fn top_of_same_image<'a>(chain: &[ProcessIndex], processes: &'a ProcessTable) -> &'a Process {
    let mut of = chain.iter().filter_map(|&index| processes.get(index));
    let first = of
        .next()
        .expect("the chain begins with a process that has an account");
    let is_same = |other: &&Process| {
        other.image.inode == first.image.inode
            && other.image.device == first.image.device
            && other.image.path == first.image.path
    };
    of.take_while(is_same).last().unwrap_or(first)
}

fn firing(
    (process, scope): (&Process, &Process),
    account: &Account,
    (now_ns, list): (u64, &Listing),
) -> Firing {
    let name = String::from_utf8_lossy(image_name(scope)).into_owned();
    let kernel = account.kernel();
    let duration_ns = account.duration_ns(now_ns);
    let (seconds, share) = (duration_ns / 1_000_000_000, account.hash_percent());
    let core_percent = account.cpu_ns() * 100 / duration_ns.clamp(1, Account::WINDOW_NS);
    Firing {
        rule: Rule::Miner,
        process: process.uid,
        scope: scope.uid,
        container: process.container.clone(),
        time_ns: now_ns,
        first_act_ns: now_ns - duration_ns,
        files_changed: 0,
        killed_at_exec: false,
        observe_only: None,
        first_evidence: [&scope.image_number.to_le_bytes()[..], &scope.image.path].concat(),
        evidence: vec![
            field("process.executable", &process.image.path),
            field("process.command_line", &process.image.command_line),
            field("kernel", kernel),
            field("samples.in_kernel_percent", share.to_string()),
            field("samples.decoded", account.decoded().to_string()),
            field("cpu.core_percent", core_percent.to_string()),
            field("duration_s", seconds.to_string()),
            field("image.foreign", is_foreign(process).to_string()),
            field("code.region", &list.region),
            field("code.disassembly", list.lines.join("\n")),
        ],
        summary: format!("{name} spent {share} % of {seconds} s of computing in a mining kernel ({kernel})"),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
