//! SHA-256 twice over a header of 80 bytes, as miners do it: what comes before the nonce is hashed once, and of a nonce the
//! compression function alone is run, twice. With the hash's own wrapping a processor with SHA instructions would spend half of
//! its time outside of them, as no miner does.
use sha2::block_api::compress256;

const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
/// Nonces of one call.
const BATCH: u32 = 1024;

pub struct DoubleSha {
    /// Of the header's first 64 bytes.
    midstate: [u32; 8],
}

impl DoubleSha {
    pub fn new() -> Self {
        let mut midstate = INITIAL;
        compress256(&mut midstate, &[[0x5a; 64]]);
        Self { midstate }
    }

    /// The lowest first word of a batch of nonces.
    pub fn hash(&self, batch: u64) -> u32 {
        let (mut tail, mut outer) = (padded(&[0x5a; 16], 80), padded(&[0; 32], 32));
        let mut lowest = u32::MAX;
        for nonce in 0..BATCH {
            let number = (batch as u32).wrapping_mul(BATCH).wrapping_add(nonce);
            tail[12..16].copy_from_slice(&number.to_le_bytes());
            let mut inner = self.midstate;
            compress256(&mut inner, &[tail]);
            for (bytes, word) in outer.chunks_exact_mut(4).zip(inner) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            let mut state = INITIAL;
            compress256(&mut state, &[outer]);
            lowest = lowest.min(state[0]);
        }
        lowest
    }
}

/// The last block of a message of `length` bytes.
fn padded(end: &[u8], length: u64) -> [u8; 64] {
    let mut block = [0; 64];
    block[..end.len()].copy_from_slice(end);
    block[end.len()] = 0x80;
    block[56..].copy_from_slice(&(length * 8).to_be_bytes());
    block
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn it_is_sha_256_twice() {
        let first_word = |nonce: u32| {
            let mut header = [0x5a_u8; 80];
            header[76..].copy_from_slice(&nonce.to_le_bytes());
            let hash = Sha256::digest(Sha256::digest(header));
            u32::from_be_bytes(hash[..4].try_into().unwrap())
        };
        let lowest = (0..BATCH).map(|nonce| first_word(BATCH + nonce)).min();
        assert_eq!(Some(DoubleSha::new().hash(1)), lowest);
    }
}
