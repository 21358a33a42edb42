//! The shape of a content: entropy and format of a sample.
use norn_events::ContentFormat::{Archive, Locked, Media, Structured};
use norn_events::{ContentFormat, ContentShape};

use crate::structure::{self, Head};

/// Whether what follows the magic is of its format; `None` when the sample does not tell.
type Check = fn(Head<'_>) -> Option<bool>;

/// First bytes, and what they say. Sources: file(1)'s magic and the formats' own specifications.
const MAGIC: &[(&[u8], ContentFormat, Check)] = &[
    (b"PK\x03\x04", Archive, structure::zip),
    (b"PK\x05\x06", Archive, structure::empty_zip),
    (b"\x1f\x8b", Archive, structure::gzip),
    (b"\xfd7zXZ\0", Archive, structure::xz),
    (b"\x28\xb5\x2f\xfd", Archive, structure::zstd),
    (b"7z\xbc\xaf\x27\x1c", Archive, structure::seven_zip),
    (b"BZh", Archive, structure::bzip2),
    (b"\x04\x22\x4d\x18", Archive, structure::lz4),
    (b"Rar!\x1a\x07", Archive, structure::rar),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Structured,
        structure::compound,
    ),
    (b"\xff\xd8\xff", Media, structure::jpeg),
    (b"\x89PNG\r\n\x1a\n", Media, structure::png),
    (b"GIF8", Media, structure::gif),
    (b"OggS", Media, structure::ogg),
    (b"ID3", Media, structure::id3),
    (b"fLaC", Media, structure::flac),
    (b"\x1aE\xdf\xa3", Media, structure::ebml),
    (b"RIFF", Media, structure::riff),
    (b"II*\0", Media, structure::tiff),
    (b"MM\0*", Media, structure::tiff),
    (b"%PDF-", Structured, structure::pdf),
    (b"SQLite format 3\0", Structured, structure::sqlite),
    (b"\x7fELF", Structured, structure::elf),
    (b"!<arch>\n", Structured, structure::ar),
    (b"\xca\xfe\xba\xbe", Structured, structure::class),
    (b"\0asm", Structured, structure::wasm),
];

/// Of `sample`, the first bytes of a file of `size` bytes.
pub fn shape(sample: &[u8], size: u64) -> ContentShape {
    let sample = &sample[..sample.len().min(ContentShape::SAMPLE_BYTES)];
    ContentShape {
        size,
        entropy: entropy(sample),
        format: format(Head { bytes: sample, size }),
    }
}

/// Shannon entropy, bits per byte.
fn entropy(sample: &[u8]) -> f32 {
    let mut counts = [0_u32; 256];
    for &byte in sample {
        counts[usize::from(byte)] += 1;
    }
    let total = sample.len() as f32;
    let share = |&count: &u32| count as f32 / total;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(share)
        .map(|p| -p * p.log2())
        .sum()
}

fn format(head: Head<'_>) -> ContentFormat {
    let sample = head.bytes;
    let begins_as = by_magic(sample);
    match begins_as {
        _ if sample.is_empty() => ContentFormat::Empty,
        Some((format, check)) if check(head).unwrap_or(true) => {
            if structure::is_locked_zip(head) {
                Locked
            } else {
                format
            }
        }
        _ if is_text(sample) => ContentFormat::Text,
        _ if is_blank(sample) => ContentFormat::Blank,
        Some(_) => ContentFormat::Feigned,
        None => ContentFormat::Unknown,
    }
}

fn by_magic(sample: &[u8]) -> Option<(ContentFormat, Check)> {
    let known = MAGIC.iter().find(|(magic, ..)| sample.starts_with(magic));
    known.map_or_else(
        || by_later_bytes(sample),
        |&(_, format, check)| Some((format, check)),
    )
}

/// Formats whose magic does not stand first.
fn by_later_bytes(sample: &[u8]) -> Option<(ContentFormat, Check)> {
    match sample {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some((Media, structure::film)),
        _ if sample.get(257..262) == Some(b"ustar") => Some((Archive, structure::tar)),
        _ => None,
    }
}

fn is_blank(sample: &[u8]) -> bool {
    let head = &sample[..sample.len().min(ContentShape::BLANK_BYTES)];
    head.iter().all(|&byte| byte == 0)
}

/// UTF-8 (a character may be cut at the end) with hardly any control characters, or mostly printable ASCII.
fn is_text(sample: &[u8]) -> bool {
    let control = |&&byte: &&u8| byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    if sample.iter().filter(control).count() * 100 > sample.len() {
        return false;
    }
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) if error.error_len().is_none() => true,
        Err(_) => sample.iter().filter(|byte| byte.is_ascii()).count() * 10 >= sample.len() * 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn noise_has_high_entropy_and_no_format() {
        let found = shape(&noise(16 * 1024), 1 << 20);
        assert!(found.entropy > 7.9, "{found:?}");
        assert_eq!((found.format, found.size), (ContentFormat::Unknown, 1 << 20));
    }

    #[test]
    fn words_are_text_with_low_entropy() {
        let found = shape(
            "the norns spin the thread of fate — ".repeat(100).as_bytes(),
            3700,
        );
        assert!(found.entropy < 5.0, "{found:?}");
        assert_eq!(found.format, ContentFormat::Text);
    }

    /// Written by the formats' own tools: `Text` of a few lines, a picture of 4 by 4.
    const GENUINE: [(&str, ContentFormat); 7] = [
        (
            "1f8b080000000000020333b02ec94855c8cb2fca2b56282ec8cc5300714b328a52135314f2d314d2124b52ad0db80c8950656968c96544843a0b630b2e6322d4999b9a739910a1ceccdc8ccb940875a696a65c0006833bd7ee000000",
            Archive,
        ),
        (
            "504b03041400000008000000615d06833bd74a000000ee00000008000000666174652e63737633b02ec94855c8cb2fca2b56282ec8cc5300714b328a52135314f2d314d2124b52ad0db80c8950656968c96544843a0b630b2e6322d4999b9a739910a1ceccdc8ccb940875a696a65c00504b010214031400000008000000615d06833bd74a000000ee000000080000000000000000000000800100000000666174652e637376504b0506000000000100010036000000700000000000",
            Archive,
        ),
        (
            "28b52ffd04586d0200f403303b746865206e6f726e73207370696e2074686520746872656164206f6620666174653b300a313931390a323833380a333735370a343637360a353539350a050420800634a02da52fa927d23d40e8",
            Archive,
        ),
        (
            "fd377a585a000004e6d6b4460200210116000000742fe5a3e000ed004b5d00180ecb06e1ac68b14165fdcba874bd5063f20873016a32fb2a6f1f24877370e07db1922e6094d0f84cb3165ee6742348ceb6ecd77c58b8cd2a1c295074568df3da791105d854ec0a6aedde00003b97f2801b475763000167ee01000000e4f5fcf9b1c467fb020000000004595a",
            Archive,
        ),
        (
            "425a6839314159265359e3b97480000015d980001040007fe82761dc00200068321207911ea0d1a08aa346800d069ea68d111120c8320fc0f80b03cd5d03a057a32ad5225784a6c0ef6d274c263c8f43d830303f0d46421030321bc6c1a8fc388e2321b8721e86d07f177245385090e3b97480",
            Archive,
        ),
        (
            "89504e470d0a1a0a0000000d4948445200000004000000040802000000269309290000001f49444154789c636060646266616563e7e0e4e24666f33020b1791990d87c001d0c0151b981ca2a0000000049454e44ae426082",
            Media,
        ),
        (
            "ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc0000b080002000201011100ffc4001f0000010501010101010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f002bffd9",
            Media,
        ),
    ];

    /// By `zip -P secret`.
    const LOCKED_ZIP: &str = "504b0304140009000800fc38815dc863bfe4320000006600000005001c00612e63737655540900034c720e6b4c720e6b75780b000104000000000400000000e5b5fffc87eb9164bcb1439f80c3f51ba5f9d8d725575424684e223b4ac58cb0978b02f29e4a415ba5fb0c9db0ab7f3481e8504b0708c863bfe43200000066000000504b01021e03140009000800fc38815dc863bfe43200000066000000050018000000000001000000a48100000000612e63737655540500034c720e6b75780b000104000000000400000000504b050600000000010001004b000000810000000000";

    /// Up to where the content of a gzip, a zip, a PNG (its header, its first chunk of data), a JFIF and a PDF begins.
    const HEADS: [&str; 6] = [
        "1f8b0800000000000203",
        "504b03041400000008000000615d06833bd74a000000ee00000008000000666174652e637376",
        "89504e470d0a1a0a0000000d494844520000000400000004080200000026930929",
        "89504e470d0a1a0a0000000d4948445200000004000000040802000000269309290000001f49444154789c",
        "ffd8ffe000104a46494600010100000100010000",
        "255044462d312e370a",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
        (0..hex.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn a_file_is_of_the_format_that_its_magic_says() {
        for (hex, format) in GENUINE {
            let file = bytes(hex);
            assert_eq!(shape(&file, file.len() as u64).format, format, "{hex}");
            for end in 16..file.len() {
                assert_eq!(shape(&file[..end], 1 << 20).format, format, "{hex} up to {end}");
            }
        }
    }

    #[test]
    fn a_zip_that_wants_a_password_is_locked() {
        let file = bytes(LOCKED_ZIP);
        assert_eq!(shape(&file, file.len() as u64).format, Locked);
    }

    #[test]
    fn ciphertext_behind_any_magic_is_not_of_its_format() {
        let noise = noise(64 * 4_096);
        for (magic, ..) in MAGIC {
            let is_feigned = |part: &&[u8]| {
                let file = [magic, *part].concat();
                shape(&file, file.len() as u64).format == ContentFormat::Feigned
            };
            let feigned = noise.chunks(4_096).filter(is_feigned).count();
            assert!(feigned == 64, "{feigned} of 64 behind {}", magic.escape_ascii());
        }
    }

    #[test]
    fn ciphertext_behind_a_genuine_head_is_not_of_its_format() {
        for hex in HEADS {
            let file = [bytes(hex), noise(6_000)].concat();
            assert_eq!(
                shape(&file, file.len() as u64).format,
                ContentFormat::Feigned,
                "{hex}"
            );
        }
    }

    #[test]
    fn zeros_in_front_of_text_are_what_it_begins_with() {
        let mut moved = vec![0; 4_096];
        moved.extend("the norns spin the thread of fate. ".repeat(100).into_bytes());
        assert_eq!(shape(&moved, 7_596).format, ContentFormat::Blank);
        assert_eq!(shape(&[0; 100], 100).format, ContentFormat::Blank);
        moved[10] = 1;
        assert_eq!(shape(&moved, 7_596).format, ContentFormat::Unknown);
    }

    #[test]
    fn nothing_is_empty() {
        let found = shape(&[], 0);
        assert_eq!((found.format, found.entropy), (ContentFormat::Empty, 0.0));
    }
}
