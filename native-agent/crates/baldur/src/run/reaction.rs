//! From a firing to a finding: the response at once, by the policy's mode, then a short wait for the changes that were
//! under way, so that the finding says how many files it really was.
use std::collections::HashSet;

use norn_events::wire::agent::v1::ReflexMode;
use norn_events::wire::finding::v1::{Evidence, Finding, Response, ResponseRung};
use norn_events::{ChangeKind, ContentChange, ProcessTable, ProcessUid};
use norn_reflex::{Clock, Firing};
use norn_respond::{Report, Responder};

/// Changes made before the stop reach the reflexes within this time after it, ns.
const SETTLE_NS: u64 = 25_000_000;
/// Members that slipped through (started by a process whose end came to be known later) are stopped too, this long, ns.
const FOLLOW_UP_NS: u64 = 5_000_000_000;
const FOLLOW_UP_EVERY_NS: u64 = 20_000_000;
/// For this long after a stop, ns, any change of a file makes the agent look for members that slipped through.
const HURRY_NS: u64 = 200_000_000;
/// Scopes followed up at a time; the oldest go.
const FOLLOWED_MAX: usize = 256;

struct Parked {
    firing: Firing,
    response: Response,
    ready_ns: u64,
    /// Files changed by the stopped processes that came to be known after the firing.
    late: HashSet<Vec<u8>>,
}

struct Followed {
    scope: ProcessUid,
    mode: ReflexMode,
    next_ns: u64,
    until_ns: u64,
}

#[derive(Default)]
pub struct Reactions {
    parked: Vec<Parked>,
    followed: Vec<Followed>,
}

impl Reactions {
    /// Responds now; the finding is ready `SETTLE_NS` later.
    pub fn react(&mut self, firing: Firing, mode: ReflexMode, by: (&mut Responder, &ProcessTable, Clock)) {
        let (responder, processes, clock) = by;
        let mode = if firing.observe_only.is_some() {
            ReflexMode::Observe
        } else {
            mode
        };
        let (response, evidence) = respond(&firing, mode, (responder, processes, clock));
        tracing::warn!(
            rule = firing.rule.id(),
            scope = %firing.scope,
            rung = response.rung().as_str_name(),
            pids = ?response.pids,
            summary = firing.summary,
            "a reflex fired"
        );
        let now_ns = norn_os::boot_ns();
        if matches!(mode, ReflexMode::Kill | ReflexMode::Suspend) {
            if self.followed.len() >= FOLLOWED_MAX {
                self.followed.remove(0);
            }
            let until_ns = now_ns + FOLLOW_UP_NS;
            self.followed.push(Followed {
                scope: firing.scope,
                mode,
                next_ns: now_ns + FOLLOW_UP_EVERY_NS,
                until_ns,
            });
        }
        let mut firing = firing;
        firing.evidence.extend(evidence);
        let why = firing.observe_only.as_deref().map(|reason| Evidence {
            field: "response.withheld".to_owned(),
            value: reason.to_owned(),
        });
        firing.evidence.extend(why);
        self.parked.push(Parked {
            firing,
            response,
            ready_ns: now_ns + SETTLE_NS,
            late: HashSet::new(),
        });
    }

    /// More about the newest finding of this subtree.
    pub fn add_evidence(&mut self, scope: ProcessUid, evidence: Evidence) {
        let newest = self
            .parked
            .iter_mut()
            .rev()
            .find(|parked| parked.firing.scope == scope);
        if let Some(parked) = newest {
            parked.firing.evidence.push(evidence);
        }
    }

    /// A change by a process that was stopped meanwhile counts to its finding.
    pub fn count(&mut self, change: &ContentChange) {
        let is_harm = matches!(
            change.kind,
            ChangeKind::Overwritten | ChangeKind::Cut | ChangeKind::Replaced | ChangeKind::Unlinked
        );
        if !is_harm {
            return;
        }
        let mut by_a_stopped_one = false;
        for parked in &mut self.parked {
            if change.time_ns > parked.firing.time_ns && parked.response.pids.contains(&change.pid) {
                parked.late.insert(change.path.clone());
                by_a_stopped_one = true;
            }
        }
        if !by_a_stopped_one {
            self.hurry(change.time_ns);
        }
    }

    /// Somebody changes files while a subtree has just been stopped: one who slipped through, perhaps.
    fn hurry(&mut self, now_ns: u64) {
        let is_fresh = |followed: &&mut Followed| now_ns + FOLLOW_UP_NS < followed.until_ns + HURRY_NS;
        for followed in self.followed.iter_mut().filter(is_fresh) {
            followed.next_ns = 0;
        }
    }

    /// Findings that are complete.
    pub fn take_ready(&mut self, now_ns: u64, clock: Clock) -> Vec<Finding> {
        let (ready, parked) = std::mem::take(&mut self.parked)
            .into_iter()
            .partition(|parked| parked.ready_ns <= now_ns);
        self.parked = parked;
        let ready: Vec<Parked> = ready;
        ready
            .into_iter()
            .map(|parked| {
                let files_changed = parked.firing.files_changed + parked.late.len() as u32;
                parked.firing.finding(
                    clock,
                    Response {
                        files_changed,
                        ..parked.response
                    },
                )
            })
            .collect()
    }

    /// Stops whoever of a stopped subtree still runs.
    pub fn follow_up(&mut self, now_ns: u64, responder: &mut Responder, processes: &ProcessTable) {
        self.followed.retain(|followed| followed.until_ns > now_ns);
        for followed in self
            .followed
            .iter_mut()
            .filter(|followed| followed.next_ns <= now_ns)
        {
            followed.next_ns = now_ns + FOLLOW_UP_EVERY_NS;
            if !responder.has_survivors(followed.scope, processes) {
                continue;
            }
            let report = match followed.mode {
                ReflexMode::Suspend => responder.suspend(followed.scope, processes),
                _ => responder.kill(followed.scope, processes),
            };
            tracing::warn!(scope = %followed.scope, pids = ?report.pids, "survivors of a stopped subtree were stopped");
        }
    }

    /// A person let it go on: whoever runs of it is no survivor.
    pub fn forget(&mut self, scope: ProcessUid) {
        self.followed.retain(|followed| followed.scope != scope);
    }
}

fn respond(
    firing: &Firing,
    mode: ReflexMode,
    (responder, processes, clock): (&mut Responder, &ProcessTable, Clock),
) -> (Response, Vec<Evidence>) {
    let first_act_us = clock.unix_us(firing.first_act_ns);
    let observed = Response {
        rung: ResponseRung::Observed.into(),
        first_act_us,
        ..Response::default()
    };
    if firing.killed_at_exec {
        let pid = processes
            .by_uid(firing.scope)
            .and_then(|index| processes.get(index))
            .map(|process| process.pid);
        let response = Response {
            rung: ResponseRung::KilledAtExec.into(),
            pids: pid.into_iter().collect(),
            stopped_us: clock.unix_us(firing.time_ns),
            ..observed
        };
        return (response, Vec::new());
    }
    let (rung, report) = match mode {
        ReflexMode::Kill => (ResponseRung::Killed, responder.kill(firing.scope, processes)),
        ReflexMode::Suspend => (ResponseRung::Frozen, responder.suspend(firing.scope, processes)),
        ReflexMode::Observe | ReflexMode::Unspecified => return (observed, Vec::new()),
    };
    let evidence = refusals(&report);
    if report.pids.is_empty() && !report.refused.is_empty() {
        return (observed, evidence);
    }
    let stopped_us = clock.unix_us(report.stopped_ns);
    (
        Response {
            rung: rung.into(),
            pids: report.pids,
            stopped_us,
            ..observed
        },
        evidence,
    )
}

fn refusals(report: &Report) -> Vec<Evidence> {
    let refused = report.refused.iter().take(8).map(|(pid, refusal)| Evidence {
        field: "response.refused".to_owned(),
        value: format!("pid {pid}: {}", refusal.code()),
    });
    let lingering = report.lingering.iter().take(8).map(|pid| Evidence {
        field: "response.lingering".to_owned(),
        value: format!("pid {pid} is killed but has not ended: it is stuck in the kernel"),
    });
    refused.chain(lingering).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOPPED_NS: u64 = 10_000_000_000;

    fn followed() -> Reactions {
        Reactions {
            parked: Vec::new(),
            followed: vec![Followed {
                scope: ProcessUid([7; 16]),
                mode: ReflexMode::Kill,
                next_ns: STOPPED_NS + FOLLOW_UP_EVERY_NS,
                until_ns: STOPPED_NS + FOLLOW_UP_NS,
            }],
        }
    }

    fn change(time_ns: u64, kind: ChangeKind) -> ContentChange {
        ContentChange {
            time_ns,
            pid: 4_711,
            process: None,
            container: None,
            path: b"/srv/a.txt".to_vec(),
            kind,
            before: None,
            after: None,
        }
    }

    #[test]
    fn a_change_just_after_a_stop_makes_the_next_look_for_survivors_due() {
        let mut reactions = followed();
        reactions.count(&change(STOPPED_NS + 1_000_000, ChangeKind::Created));
        assert_eq!(reactions.followed[0].next_ns, STOPPED_NS + FOLLOW_UP_EVERY_NS);
        reactions.count(&change(STOPPED_NS + 1_000_000, ChangeKind::Overwritten));
        assert_eq!(reactions.followed[0].next_ns, 0);
    }

    #[test]
    fn a_change_long_after_it_does_not() {
        let mut reactions = followed();
        reactions.count(&change(STOPPED_NS + HURRY_NS, ChangeKind::Overwritten));
        assert_eq!(reactions.followed[0].next_ns, STOPPED_NS + FOLLOW_UP_EVERY_NS);
    }
}
