//! A generator's output over the content: as random as ciphertext, and a function of the file's path alone.
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::random::Random;

const SEED: u64 = 0x2545_f491_4f6c_dd1d;

/// FNV-1a of the path.
pub fn key_of(path: &Path) -> u64 {
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

pub fn encrypt(content: &mut [u8], key: u64) {
    let mut random = Random(SEED ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for chunk in content.chunks_mut(8) {
        let pad = random.next().wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        chunk.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
    }
}

pub fn encrypted(mut content: Vec<u8>, key: u64) -> Vec<u8> {
    encrypt(&mut content, key);
    content
}
