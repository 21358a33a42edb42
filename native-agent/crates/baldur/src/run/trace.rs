//! Random identities: the stream's, and the trace context each batch begins.
use std::fs::File;
use std::io::{self, Read};

/// One of this many batches without findings is sampled; those with findings always are.
const SAMPLED_EVERY: u64 = 100;

/// Not for secrets: trace ids must only differ.
pub struct Traces {
    state: u64,
    batches: u64,
}

impl Traces {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            state: u64::from_le_bytes(random()?),
            batches: 0,
        })
    }

    /// W3C trace context of a batch, 55 characters.
    pub fn begin(&mut self, has_findings: bool) -> String {
        self.batches += 1;
        let sampled = has_findings || self.batches.is_multiple_of(SAMPLED_EVERY);
        let (high, low, span) = (self.next(), self.next(), self.next().max(1));
        format!(
            "00-{high:016x}{:016x}-{span:016x}-{:02x}",
            low.max(1),
            u8::from(sampled)
        )
    }

    /// splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

pub fn random<const LENGTH: usize>() -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_with_findings_are_sampled_and_one_in_a_hundred_of_the_others() {
        let mut traces = Traces::new().unwrap();
        assert!(traces.begin(true).ends_with("-01"));
        let sampled = (0..1_000)
            .filter(|_| traces.begin(false).ends_with("-01"))
            .count();
        assert_eq!(sampled, 10);
    }

    #[test]
    fn a_trace_context_has_the_form_of_w3c_and_no_two_are_alike() {
        let mut traces = Traces::new().unwrap();
        let (one, other) = (traces.begin(true), traces.begin(true));
        assert_eq!(one.len(), 55);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert_ne!(one, other);
    }
}
