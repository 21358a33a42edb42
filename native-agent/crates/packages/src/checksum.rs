//! What a database says a file's content hashes to, and the comparison with what a file holds.
use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Digest, Sha256, Sha512};

/// As databases name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// The first 128 bits: as many as the shortest of them has, and the memory of a host's files is bounded.
const KEPT_BYTES: usize = 16;

/// Of a file as its package put it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    kept: [u8; KEPT_BYTES],
}

impl Checksum {
    /// `None` for what is no digest of this algorithm.
    pub fn of_digest(algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        let kept = digest.get(..KEPT_BYTES)?.try_into().ok()?;
        (digest.len() == algorithm.begin().output_size()).then_some(Self { algorithm, kept })
    }

    pub fn of_hex(algorithm: Algorithm, digits: &[u8]) -> Option<Self> {
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let digest: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
        Self::of_digest(algorithm, &digest?)
    }

    pub fn compare(&self) -> Comparison {
        Comparison {
            wanted: self.kept,
            hash: self.algorithm.begin(),
        }
    }
}

impl Algorithm {
    fn begin(self) -> Box<dyn DynDigest> {
        match self {
            Self::Md5 => Box::new(Md5::new()),
            Self::Sha1 => Box::new(Sha1::new()),
            Self::Sha256 => Box::new(Sha256::new()),
            Self::Sha512 => Box::new(Sha512::new()),
        }
    }
}

/// Takes a file's content piece by piece.
pub struct Comparison {
    wanted: [u8; KEPT_BYTES],
    hash: Box<dyn DynDigest>,
}

impl Comparison {
    pub fn update(&mut self, content: &[u8]) {
        self.hash.update(content);
    }

    pub fn is_same(self) -> bool {
        self.hash.finalize().starts_with(&self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "x".
    const MD5: &str = "9dd4e461268c8034f5c8564e155c67a6";
    const SHA1: &str = "11f6ad8ec52a2984abaafd7c3b516503785c2072";
    const SHA256: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    #[test]
    fn a_content_is_compared_by_the_algorithm_of_its_database() {
        for (algorithm, digits) in [
            (Algorithm::Md5, MD5),
            (Algorithm::Sha1, SHA1),
            (Algorithm::Sha256, SHA256),
        ] {
            let recorded = Checksum::of_hex(algorithm, digits.as_bytes()).unwrap();
            let is_same = |content: &[u8]| {
                let mut comparison = recorded.compare();
                comparison.update(content);
                comparison.is_same()
            };
            assert!(is_same(b"x") && !is_same(b"y"), "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_digest_is_no_checksum() {
        for digits in ["", "9dd4", &SHA1[..38], "zz", MD5] {
            assert_eq!(
                Checksum::of_hex(Algorithm::Sha1, digits.as_bytes()),
                None,
                "{digits}"
            );
        }
    }
}
