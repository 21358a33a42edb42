//! What can be said of looking: figures for the heartbeat, and a line in the log when most samples are not looked at.
use norn_insight::{Coverage, SelfTest};

/// The log is told at most this often, ns.
const TOLD_NS: u64 = 60_000_000_000;
/// Of at least this many samples.
const SAMPLES_MIN: u64 = 20;

/// What can be said of the instructions that run here.
#[derive(Debug, Clone, Default)]
pub struct InsightStatus {
    /// Samples come in.
    pub available: bool,
    /// Why loops are not decoded; empty when they are.
    pub undecoded: String,
    pub self_test: SelfTest,
    /// CPUs, and those of them that give no samples.
    pub coverage: Coverage,
    pub samples: u64,
    /// Found no room in the kernel's rings, or here.
    pub samples_lost: u64,
    /// Loops decoded, maps read: what costs.
    pub looks: u64,
    pub maps: u64,
    /// Samples that were not looked at: nothing was left to spend on them, or too many processes were seen at once.
    pub refused: u64,
    /// What may be spent now, ns; negative when it is owed.
    pub left_ns: i64,
    /// CPU time of taking samples in the kernel, as the self-test measured it, and of looking at them, ns.
    pub spent_ns: u64,
}

/// What the log was told last.
#[derive(Debug, Default)]
pub struct Told {
    at_ns: u64,
    samples: u64,
    refused: u64,
    silent: u32,
}

impl Told {
    pub fn tell(&mut self, now_ns: u64, status: &InsightStatus) {
        if now_ns < self.at_ns + TOLD_NS {
            return;
        }
        let Coverage { cpus, silent } = status.coverage;
        if silent > self.silent {
            tracing::error!(
                silent,
                cpus,
                "cpu_not_sampled: what runs there is not seen; samples are asked for anew"
            );
        }
        let (samples, refused) = (status.samples - self.samples, status.refused - self.refused);
        if is_blind(samples, refused) {
            let (left_us, looks, maps) = (status.left_ns / 1_000, status.looks, status.maps);
            tracing::warn!(
                samples,
                refused,
                left_us,
                looks,
                maps,
                "insight_blind: most of a minute's samples were not looked at, since nothing was left to spend on them"
            );
        }
        *self = Self {
            at_ns: now_ns,
            samples: status.samples,
            refused: status.refused,
            silent,
        };
    }
}

fn is_blind(samples: u64, refused: u64) -> bool {
    samples >= SAMPLES_MIN && refused * 2 > samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_when_most_samples_are_not_looked_at_somebody_must_know() {
        assert!(is_blind(100, 51));
        assert!(!is_blind(100, 50) && !is_blind(5, 5) && !is_blind(0, 0));
    }
}
