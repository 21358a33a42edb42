//! The dictionary of a batch: each distinct string once, as varint length + bytes.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

/// The keys are hashes already.
#[derive(Debug, Default)]
pub struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Debug, Default)]
pub struct Strings {
    blob: Vec<u8>,
    /// Start and length of each string's bytes in `blob`.
    spans: Vec<(u32, u32)>,
    index: HashMap<u64, u16, BuildHasherDefault<KeyIsHash>>,
}

impl Strings {
    /// Entries a batch can hold: indices are u16.
    pub const COUNT_MAX: usize = 65_535;
    /// A longer string is cut here, bytes.
    pub const STRING_BYTES_MAX: usize = 4096;

    pub fn new() -> Self {
        let mut strings = Self::default();
        strings.clear();
        strings
    }

    pub fn clear(&mut self) {
        self.blob.clear();
        self.spans.clear();
        self.index.clear();
        // Entry 0 is the empty string.
        self.blob.push(0);
        self.spans.push((1, 0));
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn byte_len(&self) -> usize {
        self.blob.len()
    }

    /// Position of `text`, which is added when it is new. A full dictionary answers 0; the builder seals before that.
    pub fn intern(&mut self, text: &[u8]) -> u16 {
        if text.is_empty() {
            return 0;
        }
        let text = &text[..text.len().min(Self::STRING_BYTES_MAX)];
        let mut hash = xxh3_64(text);
        while let Some(&at) = self.index.get(&hash) {
            if self.at(at) == text {
                return at;
            }
            hash = hash.wrapping_add(1);
        }
        if self.spans.len() >= Self::COUNT_MAX {
            return 0;
        }
        let at = self.spans.len() as u16;
        write_varint(&mut self.blob, text.len());
        self.spans.push((self.blob.len() as u32, text.len() as u32));
        self.blob.extend_from_slice(text);
        self.index.insert(hash, at);
        at
    }

    fn at(&self, index: u16) -> &[u8] {
        let (start, length) = self.spans[index as usize];
        &self.blob[start as usize..(start + length) as usize]
    }

    /// Hands the bytes to a message; `give_back` returns the allocation.
    pub fn lend_blob(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.blob)
    }

    pub fn give_back(&mut self, blob: Vec<u8>) {
        self.blob = blob;
    }
}

fn write_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Splits a dictionary's bytes; `None` when they are malformed.
pub fn split_strings(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while !blob.is_empty() {
        let (length, used) = read_varint(blob)?;
        let rest = &blob[used..];
        strings.push(rest.get(..length)?);
        blob = &rest[length..];
    }
    Some(strings)
}

fn read_varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_seen_twice_is_stored_once() {
        let mut strings = Strings::new();
        let long = vec![b'x'; 300];
        assert_eq!(strings.intern(b""), 0);
        assert_eq!(strings.intern(b"/bin/sh"), 1);
        assert_eq!(strings.intern(&long), 2);
        assert_eq!(strings.intern(b"/bin/sh"), 1);
        assert_eq!(
            split_strings(&strings.lend_blob()),
            Some(vec![b"".as_slice(), b"/bin/sh", &long])
        );
    }

    #[test]
    fn a_full_dictionary_answers_the_empty_string() {
        let mut strings = Strings::new();
        for number in 1..Strings::COUNT_MAX {
            assert_eq!(usize::from(strings.intern(number.to_string().as_bytes())), number);
        }
        assert_eq!(strings.intern(b"one too many"), 0);
        assert_eq!(strings.intern(b"17"), 17);
    }
}
