//! A memory-hard hash in the manner of CryptoNight: AES rounds and wide multiplication at places that their results name.
use anyhow::bail;

const BYTES: usize = 2 << 20;
const BLOCK: usize = 16;

pub struct Scratchpad(Vec<u128>);

impl Scratchpad {
    /// Fails where the CPU has no AES instructions.
    pub fn new() -> anyhow::Result<Self> {
        if !has_aes() {
            bail!("this CPU has no AES instructions that this program knows to use");
        }
        let block = |at: u128| at.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Ok(Self((1..=(BYTES / BLOCK) as u128).map(block).collect()))
    }

    #[cfg(target_arch = "x86_64")]
    pub fn hash(&mut self, nonce: u64) -> u64 {
        // SAFETY: `new` made sure that the CPU has these instructions.
        unsafe { x86::rounds(&mut self.0, nonce) }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub fn hash(&mut self, _nonce: u64) -> u64 {
        0
    }
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_aes() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m128i, _mm_aesenc_si128, _mm_set_epi64x};

    const ROUNDS: u32 = 1 << 16;

    fn vector(block: u128) -> __m128i {
        // SAFETY: both are 16 bytes without padding, and every value of either is one of the other.
        unsafe { std::mem::transmute(block) }
    }

    fn block(vector: __m128i) -> u128 {
        // SAFETY: as above.
        unsafe { std::mem::transmute(vector) }
    }

    #[target_feature(enable = "aes")]
    pub fn rounds(scratchpad: &mut [u128], nonce: u64) -> u64 {
        let places = scratchpad.len() - 1;
        let (mut a, mut b) = (u128::from(nonce) | 1 << 64, 0x5bd1_e995_u128);
        for _ in 0..ROUNDS {
            let here = a as usize >> 4 & places;
            let key = _mm_set_epi64x((a >> 64) as i64, a as i64);
            let c = block(_mm_aesenc_si128(vector(scratchpad[here]), key));
            scratchpad[here] = b ^ c;
            let there = c as usize >> 4 & places;
            let other = scratchpad[there];
            let product = (c as u64 as u128) * (other as u64 as u128);
            let low = (a as u64).wrapping_add((product >> 64) as u64);
            let high = ((a >> 64) as u64).wrapping_add(product as u64);
            let sum = u128::from(low) | u128::from(high) << 64;
            scratchpad[there] = sum;
            a = sum ^ other;
            b = c;
        }
        a as u64
    }
}
