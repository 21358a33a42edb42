//! What came of the hooks: counted by reason, and said in the capability report.
use std::collections::BTreeMap;
use std::sync::Arc;

use norn_events::wire::event::v1::{AgentHealth, Capability};
use norn_inject::{Blind, InjectError, Losses};

use crate::answers::AnswerCounts;

const MECHANISM: &str = "hook library";
const OFF: &str = "no process is chosen: --hook-suspects, --hook PROGRAM";

#[derive(Default)]
pub struct Counts {
    pub injected: u64,
    /// Of these, programs that were hooked before they began.
    pub followed: u64,
    /// Programs that could not be followed as they started: there was no room, or no thread in time.
    pub unfollowed: u64,
    /// Programs that were followed and had started before they were hooked: their loader was not stopped in time.
    pub started: u64,
    pub refused: BTreeMap<&'static str, u64>,
    pub failed: BTreeMap<&'static str, u64>,
    /// Calls that processes told of.
    pub records: u64,
    /// Of these, those that became no row: there were too many.
    pub untold: u64,
    /// What processes could not tell, of all that are or were hooked.
    pub losses: Losses,
    pub answers: Arc<AnswerCounts>,
}

impl Counts {
    pub fn refuse(&mut self, code: &'static str) {
        *self.refused.entry(code).or_default() += 1;
    }

    /// A process that can't be hooked is no failure.
    pub fn fail(&mut self, error: &InjectError) {
        let to = match error {
            InjectError::Blind(_) => &mut self.refused,
            _ => &mut self.failed,
        };
        *to.entry(error.code()).or_default() += 1;
    }

    /// Of one process tree: what it has lost by now, and what was counted of that before.
    pub fn lose(&mut self, now: &Losses, before: &Losses) {
        let all = &mut self.losses;
        for (sum, now, before) in [
            (&mut all.dropped, now.dropped, before.dropped),
            (&mut all.torn, now.torn, before.torn),
            (&mut all.unanswered, now.unanswered, before.unanswered),
            (&mut all.unasked, now.unasked, before.unasked),
            (&mut all.unread, now.unread, before.unread),
            (&mut all.unfollowed, now.unfollowed, before.unfollowed),
        ] {
            *sum += now.saturating_sub(before);
        }
    }

    fn lost(&self) -> u64 {
        self.losses.dropped + self.losses.torn
    }

    pub fn health(&self) -> AgentHealth {
        let by_code = |reasons: &BTreeMap<&'static str, u64>| {
            let text = reasons.iter().map(|(code, count)| ((*code).to_owned(), *count));
            text.collect()
        };
        let (hook_preimages_kept, hook_preimages_missed, hook_preimages_unknown) = self.answers.all();
        AgentHealth {
            hooks_injected: self.injected,
            hooks_refused: self.refused.values().sum(),
            hooks_refused_by_code: by_code(&self.refused),
            hooks_failed: self.failed.values().sum(),
            hooks_failed_by_code: by_code(&self.failed),
            hooks_unfollowed: self.losses.unfollowed,
            hooked_calls: self.records,
            hooked_calls_lost: self.lost(),
            hooked_calls_untold: self.untold,
            hooked_calls_unread: self.losses.unread,
            hooked_calls_unanswered: self.losses.unanswered,
            hooked_calls_unasked: self.losses.unasked,
            hook_preimages_kept,
            hook_preimages_missed,
            hook_preimages_unknown,
            ..AgentHealth::default()
        }
    }

    /// `is_on`: somebody is to be hooked; `keeps`: there is a vault.
    pub fn capabilities(&self, trees: usize, (is_on, keeps): (bool, bool)) -> [Capability; 2] {
        let is_able = cfg!(target_arch = "x86_64");
        let calls = Capability {
            name: "hook.calls".to_owned(),
            available: is_on && is_able,
            mechanism: if is_on && is_able { MECHANISM } else { "" }.to_owned(),
            detail: match (is_able, is_on) {
                (false, _) => "the hook library is for x86-64 only".to_owned(),
                (_, false) => OFF.to_owned(),
                _ => self.detail(trees),
            },
            verified: self.records > 0,
        };
        let is_kept = calls.available && keeps;
        let preimage = Capability {
            name: "hook.preimage".to_owned(),
            available: is_kept,
            mechanism: if is_kept { MECHANISM } else { "" }.to_owned(),
            detail: if is_kept {
                self.answers.detail()
            } else {
                "pre-images before unlink, rename over and truncate: with hooks and a vault only".to_owned()
            },
            verified: self.answers.has_kept(),
        };
        [calls, preimage]
    }

    fn detail(&self, trees: usize) -> String {
        let mut parts = vec![format!("in {trees} processes, {} so far", self.injected)];
        let late = self.unfollowed + self.started;
        if self.followed + late > 0 {
            parts.push(format!("{} from their start, {late} too late", self.followed));
        }
        let count = |code: &str| self.refused.get(code).copied().unwrap_or(0);
        let (fixed, go) = (blind(&Blind::Static { pid: 0 }), blind(&Blind::Go { pid: 0 }));
        parts.push(format!(
            "blind to static ({}) and Go ({}) programs, which the kernel's events tell of",
            count(fixed),
            count(go)
        ));
        let others = |reasons: &BTreeMap<&'static str, u64>| {
            let other = reasons.iter().filter(|(code, _)| **code != fixed && **code != go);
            other
                .map(|(code, count)| format!("{code} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (what, reasons) in [("refused", &self.refused), ("failed", &self.failed)] {
            let reasons = others(reasons);
            if !reasons.is_empty() {
                parts.push(format!("{what}: {reasons}"));
            }
        }
        if self.lost() + self.untold > 0 {
            parts.push(format!("calls lost {}, not told {}", self.lost(), self.untold));
        }
        parts.join("; ")
    }
}

fn blind(blind: &Blind) -> &'static str {
    blind.code()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_static_and_go_programs_as_blind_spots_and_says_who_sees_them() {
        let mut counts = Counts::default();
        let blind: [InjectError; 3] = [
            Blind::Static { pid: 7 }.into(),
            Blind::Go { pid: 8 }.into(),
            Blind::Go { pid: 9 }.into(),
        ];
        blind.iter().for_each(|error| counts.fail(error));
        counts.refuse("HOOK_OWN");
        counts.fail(&InjectError::Busy {
            pid: 1,
            tid: 1,
            waited_ms: 200,
        });
        let [calls, preimage] = counts.capabilities(2, (true, false));
        assert!(calls.available && !calls.verified && !preimage.available);
        assert_eq!(
            calls.detail,
            "in 2 processes, 0 so far; blind to static (1) and Go (2) programs, which the kernel's events tell of; \
             refused: HOOK_OWN 1; failed: INJECT_BUSY 1"
        );
    }

    #[test]
    fn what_a_process_lost_is_counted_once_and_stays_counted_when_it_is_gone() {
        let mut counts = Counts::default();
        let at = |dropped, unanswered| Losses {
            dropped,
            unanswered,
            ..Losses::default()
        };
        counts.lose(&at(3, 1), &Losses::default());
        counts.lose(&at(5, 1), &at(3, 1));
        counts.lose(&at(2, 4), &Losses::default());
        counts.refuse("HOOK_OWN");
        let health = counts.health();
        assert_eq!((health.hooked_calls_lost, health.hooked_calls_unanswered), (7, 5));
        assert_eq!(health.hooks_refused_by_code["HOOK_OWN"], 1);
    }

    #[test]
    fn nobody_is_hooked_unasked_and_the_report_says_how_to_ask() {
        let [calls, preimage] = Counts::default().capabilities(0, (false, true));
        assert!(!calls.available && calls.mechanism.is_empty() && calls.detail == OFF);
        assert!(!preimage.available);
    }
}
