//! The shape of a content: entropy and format of a sample.
use norn_events::{ContentFormat, ContentShape};

/// First bytes, and what they prove. Sources: file(1)'s magic and the formats' own specifications.
const MAGIC: &[(&[u8], ContentFormat)] = &[
    (b"PK\x03\x04", ContentFormat::Archive),
    (b"PK\x05\x06", ContentFormat::Archive),
    (b"\x1f\x8b", ContentFormat::Archive),
    (b"\xfd7zXZ\0", ContentFormat::Archive),
    (b"\x28\xb5\x2f\xfd", ContentFormat::Archive),
    (b"7z\xbc\xaf\x27\x1c", ContentFormat::Archive),
    (b"BZh", ContentFormat::Archive),
    (b"\x04\x22\x4d\x18", ContentFormat::Archive),
    (b"Rar!\x1a\x07", ContentFormat::Archive),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ContentFormat::Structured),
    (b"\xff\xd8\xff", ContentFormat::Media),
    (b"\x89PNG\r\n\x1a\n", ContentFormat::Media),
    (b"GIF8", ContentFormat::Media),
    (b"OggS", ContentFormat::Media),
    (b"ID3", ContentFormat::Media),
    (b"fLaC", ContentFormat::Media),
    (b"\x1aE\xdf\xa3", ContentFormat::Media),
    (b"RIFF", ContentFormat::Media),
    (b"II*\0", ContentFormat::Media),
    (b"MM\0*", ContentFormat::Media),
    (b"%PDF-", ContentFormat::Structured),
    (b"SQLite format 3\0", ContentFormat::Structured),
    (b"\x7fELF", ContentFormat::Structured),
    (b"!<arch>\n", ContentFormat::Structured),
    (b"\xca\xfe\xba\xbe", ContentFormat::Structured),
    (b"\0asm", ContentFormat::Structured),
];

/// Of `sample`, the first bytes of a file of `size` bytes.
pub fn shape(sample: &[u8], size: u64) -> ContentShape {
    let sample = &sample[..sample.len().min(ContentShape::SAMPLE_BYTES)];
    ContentShape {
        size,
        entropy: entropy(sample),
        format: format(sample),
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

fn format(sample: &[u8]) -> ContentFormat {
    if sample.is_empty() {
        return ContentFormat::Empty;
    }
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| sample.starts_with(magic)) {
        return *format;
    }
    match sample {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => ContentFormat::Media,
        _ if sample.len() > 262 && sample[257..262] == *b"ustar" => ContentFormat::Archive,
        _ if is_text(sample) => ContentFormat::Text,
        _ if is_blank(sample) => ContentFormat::Blank,
        _ => ContentFormat::Unknown,
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

    #[test]
    fn magic_tells_an_archive_from_ciphertext() {
        let mut archive = b"\x1f\x8b\x08".to_vec();
        archive.extend(noise(4096));
        assert_eq!(shape(&archive, 4099).format, ContentFormat::Archive);
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
