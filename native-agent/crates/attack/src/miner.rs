//! Double SHA-256 over a counter, as mining does: the same instructions, no network, no coin.
use std::hint::black_box;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

pub fn run(seconds: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut header = [0x5a_u8; 80];
    let mut nonce = 0_u32;
    while Instant::now() < end {
        for _ in 0..4096 {
            nonce = nonce.wrapping_add(1);
            header[76..].copy_from_slice(&nonce.to_le_bytes());
            black_box(Sha256::digest(Sha256::digest(header)));
        }
    }
}
