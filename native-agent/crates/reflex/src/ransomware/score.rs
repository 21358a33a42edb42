//! How much stands against a process: evidence of its own and of what it started, fading with time.
use std::collections::HashSet;

use norn_events::ProcessUid;

use super::evidence::Harm;
use super::names::hash_of;
use norn_programs::lineage::{directory, kind};

/// A process's own evidence loses half its weight in this time: slow encryptors are still caught at a file every two minutes, ns.
const OWN_HALF_LIFE_NS: f32 = 600e9;
/// What children did fades faster: a shell must not be blamed for unrelated programs it started over an hour, ns.
const BELOW_HALF_LIFE_NS: f32 = 60e9;
/// What dedicated tools of unchanged packages (`ccrypt -r`, `gpg` in a loop) can add up to: below any threshold, so that
/// something else must stand against the lineage as well.
const PROVEN_MAX: f32 = 2.4;
/// More originals than a person seals one by one within about a minute: from here on what tools of packages did counts in full.
const SEALED_MIN: f32 = 32.0;
/// Renames and notes corroborate; alone they are a file manager or a template.
const CORROBORATION_MAX: f32 = 2.2;
/// Corroboration counts from this much evidence on.
const CORROBORATION_FROM: f32 = 1.9;

/// Children that evidence must come through before their parent counts as handing out work.
const CHILDREN_MIN: usize = 3;
/// A child that harmed more files is over the threshold itself, and blamed for itself.
const CHILD_FILES_MAX: u32 = 4;
/// Evidence that has faded to this does not count any more: what comes next is the first act.
const FADED: f32 = 0.02;
/// Shown in a finding.
const EXHIBITS_MAX: usize = 8;
/// Directories, and kinds, that are told apart.
const SPREAD_MAX: usize = 256;
/// Processes with a score, lineages with halves and names; the oldest go first.
pub const TRACKED_MAX: usize = 4_096;
/// Children remembered for one process.
const CHILDREN_MAX: usize = 16;

#[derive(Debug, Clone, Copy, Default)]
pub struct Fading {
    value: f32,
    at_ns: u64,
}

impl Fading {
    fn at(self, now_ns: u64, half_life_ns: f32) -> f32 {
        self.value * (-(now_ns.saturating_sub(self.at_ns) as f32) / half_life_ns).exp2()
    }

    fn add(&mut self, weight: f32, now_ns: u64, half_life_ns: f32) {
        self.value = (self.at(now_ns, half_life_ns) + weight).max(0.0);
        self.at_ns = now_ns;
    }
}

/// One piece of evidence.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    pub weight: f32,
    /// That it is about.
    pub files: u32,
    /// `None` for corroboration.
    pub harm: Option<Harm>,
    /// Done by a dedicated tool of an unchanged package.
    pub proven: bool,
    pub time_ns: u64,
}

/// What a piece of evidence is about, for a person to read.
#[derive(Debug, Clone)]
pub struct Exhibit {
    pub path: Vec<u8>,
    /// What became of the file, in figures.
    pub what: String,
}

#[derive(Debug, Clone, Default)]
pub struct Score {
    own: Fading,
    below: Fading,
    proven: Fading,
    /// Originals that gave way to what a packaged tool made of each: all, and those without a child between.
    sealed: Fading,
    sealed_own: Fading,
    corroboration: Fading,
    pub files: u32,
    pub wiped: u32,
    pub canaries: u32,
    pub first_ns: u64,
    /// The first act that still counted when the next came. A daemon's jobs leave a little every few hours.
    pub first_act_ns: u64,
    pub last_ns: u64,
    pub first_path: Vec<u8>,
    /// The first few.
    pub exhibits: Vec<Exhibit>,
    directories: HashSet<u64>,
    kinds: HashSet<u64>,
    /// Direct children that harm came up from, the first few, and the files each harmed.
    children: Vec<(ProcessUid, u32)>,
    /// It left the note, or gave the files their new names, itself.
    signed: bool,
}

impl Score {
    /// `child`: through whom it came up; `None` when the process did it itself.
    pub fn add(&mut self, piece: &Piece, child: Option<ProcessUid>, exhibit: &Exhibit) {
        let own = child.is_none();
        if let Some(child) = child.filter(|_| piece.harm.is_some()) {
            self.count_child(child);
        }
        let now = piece.time_ns;
        if self.first_ns == 0 {
            self.first_ns = now;
            self.first_path = exhibit.path.clone();
        }
        self.first_ns = self.first_ns.min(now);
        self.first_act_ns = match self.has_faded(now) {
            true => now,
            false => self.first_act_ns.min(now),
        };
        self.last_ns = self.last_ns.max(now);
        if piece.harm == Some(Harm::Sealed) {
            self.sealed.add(1.0, now, BELOW_HALF_LIFE_NS);
            self.sealed_own
                .add(f32::from(u8::from(own)), now, BELOW_HALF_LIFE_NS);
        }
        match piece.harm {
            None => {
                self.signed |= own;
                self.corroboration.add(piece.weight, now, BELOW_HALF_LIFE_NS);
            }
            Some(_) if piece.proven => self.proven.add(piece.weight, now, BELOW_HALF_LIFE_NS),
            Some(_) if own => self.own.add(piece.weight, now, OWN_HALF_LIFE_NS),
            Some(_) => self.below.add(piece.weight, now, BELOW_HALF_LIFE_NS),
        }
        self.show(exhibit);
        if let Some(harm) = piece.harm {
            self.files += piece.files;
            if harm == Harm::Canary {
                self.canaries += piece.files;
            }
            if matches!(harm, Harm::Wiped | Harm::Removed | Harm::Emptied) {
                self.wiped += piece.files;
            }
        }
    }

    fn show(&mut self, exhibit: &Exhibit) {
        if self.exhibits.len() < EXHIBITS_MAX {
            self.exhibits.push(exhibit.clone());
        }
        if self.directories.len() < SPREAD_MAX && self.kinds.len() < SPREAD_MAX {
            self.directories.insert(hash_of(directory(&exhibit.path)));
            self.kinds.insert(hash_of(kind(&exhibit.path)));
        }
    }

    /// Directories and kinds of files, by the ends of their names, that the evidence is spread over.
    pub fn spread(&self) -> (usize, usize) {
        (self.directories.len(), self.kinds.len())
    }

    pub fn total(&self, now_ns: u64) -> f32 {
        let allowed = if self.seals_many(now_ns) {
            f32::MAX
        } else {
            PROVEN_MAX
        };
        let evidence = self.own.at(now_ns, OWN_HALF_LIFE_NS)
            + self.below.at(now_ns, BELOW_HALF_LIFE_NS)
            + self.proven.at(now_ns, BELOW_HALF_LIFE_NS).min(allowed);
        let corroboration = self
            .corroboration
            .at(now_ns, BELOW_HALF_LIFE_NS)
            .min(CORROBORATION_MAX);
        if evidence >= CORROBORATION_FROM {
            evidence + corroboration
        } else {
            evidence
        }
    }

    /// Work handed to one process a file: evidence came through several children that did little each. Those that do much
    /// are blamed for themselves.
    pub fn hands_out_work(&self) -> bool {
        self.children
            .iter()
            .filter(|(_, files)| *files <= CHILD_FILES_MAX)
            .count()
            >= CHILDREN_MIN
    }

    fn count_child(&mut self, child: ProcessUid) {
        if let Some((_, files)) = self.children.iter_mut().find(|(known, _)| *known == child) {
            *files += 1;
        } else if self.children.len() < CHILDREN_MAX {
            self.children.push((child, 1));
        }
    }

    /// What the process did itself (or two of its children did together) makes up most of it, or it signed the work.
    pub fn is_its_own(&self, now_ns: u64) -> bool {
        let sealed = |part: Fading| part.at(now_ns, BELOW_HALF_LIFE_NS);
        self.signed
            || self.own.at(now_ns, OWN_HALF_LIFE_NS) * 2.0 >= self.total(now_ns)
            || self.seals_many(now_ns) && sealed(self.sealed_own) * 2.0 >= sealed(self.sealed)
    }

    fn seals_many(&self, now_ns: u64) -> bool {
        self.sealed.at(now_ns, BELOW_HALF_LIFE_NS) >= SEALED_MIN
    }

    /// Also when there was none.
    fn has_faded(&self, now_ns: u64) -> bool {
        let below = [self.below, self.proven, self.corroboration];
        let below: f32 = below.iter().map(|part| part.at(now_ns, BELOW_HALF_LIFE_NS)).sum();
        below + self.own.at(now_ns, OWN_HALF_LIFE_NS) < FADED
    }

    pub fn corroboration(&self, now_ns: u64) -> f32 {
        self.corroboration.at(now_ns, BELOW_HALF_LIFE_NS)
    }

    /// A scope below has been blamed: what it did no longer stands against this one.
    pub fn discharge(&mut self, blamed: &Self, now_ns: u64) {
        self.below.add(-blamed.total(now_ns), now_ns, BELOW_HALF_LIFE_NS);
        self.proven.add(
            -blamed.proven.at(now_ns, BELOW_HALF_LIFE_NS),
            now_ns,
            BELOW_HALF_LIFE_NS,
        );
        self.sealed.add(
            -blamed.sealed.at(now_ns, BELOW_HALF_LIFE_NS),
            now_ns,
            BELOW_HALF_LIFE_NS,
        );
        self.corroboration
            .add(-blamed.corroboration(now_ns), now_ns, BELOW_HALF_LIFE_NS);
        self.files = self.files.saturating_sub(blamed.files);
        self.wiped = self.wiped.saturating_sub(blamed.wiped);
        self.first_ns = 0;
        self.first_act_ns = u64::MAX;
        self.children.clear();
        self.exhibits.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    /// The first act, after a file was harmed at each of these seconds.
    fn first_act(seconds: &[u64], child: Option<ProcessUid>) -> u64 {
        let mut score = Score::default();
        let exhibit = Exhibit {
            path: b"/srv/a".to_vec(),
            what: String::new(),
        };
        for &second in seconds {
            let piece = Piece {
                weight: 1.0,
                files: 1,
                harm: Some(Harm::Sealed),
                proven: false,
                time_ns: second * SECOND_NS,
            };
            score.add(&piece, child, &exhibit);
        }
        assert_eq!(score.first_ns, seconds[0] * SECOND_NS);
        score.first_act_ns / SECOND_NS
    }

    #[test]
    fn what_an_earlier_job_did_and_what_has_faded_is_no_first_act() {
        let job = Some(ProcessUid([7; 16]));
        assert_eq!(first_act(&[10, 3_600, 3_601, 3_602], job), 3_600);
    }

    #[test]
    fn who_is_slow_began_with_his_first_file() {
        let seconds: Vec<u64> = (1..100).map(|number| number * 120).collect();
        assert_eq!(first_act(&seconds, None), 120);
    }
}
