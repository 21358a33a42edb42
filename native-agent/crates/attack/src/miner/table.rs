//! A memory-hard hash in the manner of Ethash: a mix of words, folded with rows of a large table.
use std::hint::black_box;

const WORDS: usize = 16 << 20;
const ROW: usize = 32;
const ROUNDS: u32 = 64;
const PRIME: u32 = 0x0100_0193;

pub struct Table(Vec<u32>);

impl Table {
    pub fn new() -> Self {
        let mut state = 0x2545_f491_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        Self((0..WORDS).map(|_| next()).collect())
    }

    pub fn hash(&self, nonce: u64) -> u32 {
        let mut mix = [0_u32; ROW];
        for (word, at) in mix.iter_mut().zip(0_u32..) {
            *word = (nonce as u32).wrapping_add(at).wrapping_mul(PRIME);
        }
        let rows = (WORDS / ROW) as u32;
        for round in 0..ROUNDS {
            let row = fold(round ^ mix[0], mix[round as usize % ROW]) % rows;
            let from = row as usize * ROW;
            for (word, &other) in mix.iter_mut().zip(&self.0[from..from + ROW]) {
                *word = fold(*word, other);
            }
        }
        black_box(mix).iter().fold(0, |sum, &word| fold(sum, word))
    }
}

fn fold(one: u32, other: u32) -> u32 {
    one.wrapping_mul(PRIME) ^ other
}
