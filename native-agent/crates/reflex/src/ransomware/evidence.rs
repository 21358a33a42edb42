//! What one change of content says: the file before and after, in figures.
use norn_events::{ContentFormat, ContentShape};

/// Entropy (bits per byte) that ciphertext reaches and text, tables and code do not: English is 4.0–4.5, machine code 5.5–6.5.
const CIPHERTEXT_ENTROPY: f32 = 7.2;
/// A jump this large is no edit: text → ciphertext is 3, structured → ciphertext 1.5–3.
const ENTROPY_JUMP: f32 = 2.0;
/// Text that is text no longer is no edit either: one block in four encrypted adds 1.2–2.
const BROKEN_TEXT_JUMP: f32 = 1.0;
/// base64 of ciphertext lies at 6.0 (64 symbols, all alike); prose, source and JSON stay below 5.6.
const BASE64_ENTROPY: std::ops::Range<f32> = 5.8..6.1;
/// Below it the bytes are as good as constant: an overwrite with zeros.
const WIPED_ENTROPY: f32 = 0.5;
/// Smaller files say nothing: random bytes and text of this length look alike.
const BYTES_MIN: u64 = 48;
/// How far a small sample of random bytes may lie below the entropy expected for its length.
const SAMPLE_SLACK: f32 = 0.35;

/// What became of a file's content.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Harm {
    Encrypted,
    /// Ciphertext in letters, base64 or hex.
    Encoded,
    /// Ciphertext that a tool of a package made, and the original gone: a person does so with a few files.
    Sealed,
    Wiped,
    /// The format's magic in place of another format, at the same name.
    Disguised,
    /// Deleted, and nothing came in its place.
    Removed,
    /// Nothing is left of its content, or little, and nothing came in its place.
    Emptied,
    /// A canary was changed, whatever became of it.
    Canary,
}

impl Harm {
    /// How much one such file counts, of `THRESHOLD`.
    pub fn weight(self) -> f32 {
        match self {
            Self::Encrypted | Self::Canary => 1.0,
            Self::Encoded => 0.7,
            Self::Sealed => 0.5,
            Self::Wiped => 0.7,
            Self::Disguised | Self::Removed => 0.5,
            Self::Emptied => 0.55,
        }
    }

    /// As a finding names it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Encrypted => "ciphertext",
            Self::Encoded => "ciphertext in letters",
            Self::Sealed => "ciphertext of a packaged tool",
            Self::Wiped => "wiped",
            Self::Disguised => "ciphertext under a known format's first bytes",
            Self::Removed => "deleted",
            Self::Emptied => "emptied",
            Self::Canary => "a canary",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Encrypted | Self::Encoded | Self::Sealed | Self::Disguised => "encrypted",
            Self::Wiped | Self::Removed | Self::Emptied => "wiped",
            Self::Canary => "changed",
        }
    }
}

/// Judges an overwritten or replaced file. `foreign`: the program did not come with the system, so a known format is no
/// proof of ordinary work.
pub fn judge(before: &ContentShape, after: &ContentShape, foreign: bool) -> Option<Harm> {
    if before.size < BYTES_MIN || after.size < BYTES_MIN || !had_format(before) {
        return None;
    }
    match after.format {
        // It was so before, and is so still: whatever wrote it may know more of the format than we do.
        ContentFormat::Feigned if before.format == ContentFormat::Feigned => None,
        ContentFormat::Unknown | ContentFormat::Blank | ContentFormat::Feigned if is_ciphertext(after) => {
            Some(Harm::Encrypted)
        }
        // Also where the rest is there still: no program finds it by its format any more.
        ContentFormat::Blank => Some(Harm::Wiped),
        ContentFormat::Unknown if after.entropy < WIPED_ENTROPY => Some(Harm::Wiped),
        ContentFormat::Unknown if after.entropy - before.entropy > jump(before) => Some(Harm::Encrypted),
        ContentFormat::Text if is_encoded(before, after) => Some(Harm::Encoded),
        // Not where an archive got its password.
        ContentFormat::Locked if !matches!(before.format, ContentFormat::Archive | ContentFormat::Locked) => {
            Some(Harm::Encrypted)
        }
        ContentFormat::Archive | ContentFormat::Media if foreign && is_disguise(before, after) => {
            Some(Harm::Disguised)
        }
        _ => None,
    }
}

fn jump(before: &ContentShape) -> f32 {
    match before.format {
        ContentFormat::Text => BROKEN_TEXT_JUMP,
        _ => ENTROPY_JUMP,
    }
}

/// A new file that could be the ciphertext of another one.
pub fn could_be_ciphertext(after: &ContentShape) -> Option<Harm> {
    if after.size < BYTES_MIN {
        return None;
    }
    match after.format {
        ContentFormat::Unknown | ContentFormat::Blank | ContentFormat::Feigned if is_ciphertext(after) => {
            Some(Harm::Encrypted)
        }
        ContentFormat::Text if BASE64_ENTROPY.contains(&after.entropy) => Some(Harm::Encoded),
        ContentFormat::Locked => Some(Harm::Encrypted),
        _ => None,
    }
}

/// A file whose disappearance is a loss: it had content of a known kind.
pub fn had_format(before: &ContentShape) -> bool {
    use ContentFormat::{Blank, Empty, Unknown};
    before.size >= BYTES_MIN && !matches!(before.format, Unknown | Empty | Blank)
}

pub fn is_ciphertext(shape: &ContentShape) -> bool {
    shape.entropy > CIPHERTEXT_ENTROPY.min(random_entropy(shape.size) - SAMPLE_SLACK)
}

/// Text that became letters only, or something else that became letters.
fn is_encoded(before: &ContentShape, after: &ContentShape) -> bool {
    let base64 = BASE64_ENTROPY.contains(&after.entropy);
    match before.format {
        ContentFormat::Text => base64 && after.entropy - before.entropy > 0.7,
        _ => base64 || after.entropy < 4.01,
    }
}

fn is_disguise(before: &ContentShape, after: &ContentShape) -> bool {
    before.format == ContentFormat::Text && is_ciphertext(after)
}

/// Entropy expected of `size` random bytes: 8 for long ones, less where there are too few to fill 256 bins. Measured by
/// simulation; linear between the points.
fn random_entropy(size: u64) -> f32 {
    const POINTS: [(f32, f32); 8] = [
        (16.0, 3.9),
        (32.0, 4.85),
        (64.0, 5.77),
        (128.0, 6.57),
        (256.0, 7.17),
        (512.0, 7.58),
        (1024.0, 7.81),
        (4096.0, 7.95),
    ];
    let size = size as f32;
    let above = POINTS.iter().position(|&(bytes, _)| bytes >= size);
    match above {
        None => 8.0,
        Some(0) => 0.0,
        Some(next) => {
            let ((low, from), (high, to)) = (POINTS[next - 1], POINTS[next]);
            from + (to - from) * (size - low) / (high - low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(size: u64, entropy: f32, format: ContentFormat) -> ContentShape {
        ContentShape {
            size,
            entropy,
            format,
        }
    }

    fn text(size: u64) -> ContentShape {
        shape(size, 4.3, ContentFormat::Text)
    }

    #[test]
    fn text_that_became_random_bytes_is_encrypted() {
        assert_eq!(
            judge(&text(9_000), &shape(9_016, 7.97, ContentFormat::Unknown), false),
            Some(Harm::Encrypted)
        );
    }

    #[test]
    fn a_small_file_is_judged_by_what_random_bytes_of_its_length_reach() {
        assert_eq!(
            judge(&text(120), &shape(136, 6.5, ContentFormat::Unknown), false),
            Some(Harm::Encrypted)
        );
        assert_eq!(
            judge(&text(120), &shape(136, 5.2, ContentFormat::Unknown), false),
            None
        );
    }

    #[test]
    fn a_picture_that_lost_its_magic_is_encrypted_though_its_entropy_was_high_before() {
        let picture = shape(50_000, 7.9, ContentFormat::Media);
        assert_eq!(
            judge(&picture, &shape(50_032, 7.99, ContentFormat::Unknown), false),
            Some(Harm::Encrypted)
        );
    }

    #[test]
    fn base64_in_place_of_text_is_encoded() {
        assert_eq!(
            judge(&text(9_000), &shape(12_000, 6.0, ContentFormat::Text), false),
            Some(Harm::Encoded)
        );
    }

    #[test]
    fn zeros_in_place_of_text_are_a_wipe() {
        assert_eq!(
            judge(&text(9_000), &shape(9_000, 0.0, ContentFormat::Unknown), false),
            Some(Harm::Wiped)
        );
        let moved_back = shape(13_096, 3.4, ContentFormat::Blank);
        assert_eq!(judge(&text(9_000), &moved_back, false), Some(Harm::Wiped));
        assert_eq!(
            judge(&moved_back, &shape(13_096, 0.0, ContentFormat::Blank), false),
            None
        );
        let ciphertext_behind_zeros = shape(9_000, 7.6, ContentFormat::Blank);
        assert_eq!(
            judge(&text(9_000), &ciphertext_behind_zeros, false),
            Some(Harm::Encrypted)
        );
    }

    #[test]
    fn text_of_which_a_quarter_is_random_is_encrypted() {
        assert_eq!(
            judge(&text(20_000), &shape(20_000, 5.6, ContentFormat::Unknown), false),
            Some(Harm::Encrypted)
        );
    }

    #[test]
    fn an_edit_or_a_compression_is_no_harm() {
        assert_eq!(judge(&text(9_000), &text(9_100), false), None);
        assert_eq!(
            judge(&text(9_000), &shape(2_000, 7.9, ContentFormat::Archive), false),
            None
        );
        let database = shape(9_000, 5.0, ContentFormat::Structured);
        assert_eq!(
            judge(&database, &shape(9_500, 6.9, ContentFormat::Structured), false),
            None
        );
    }

    #[test]
    fn ciphertext_behind_a_known_magic_is_encrypted_and_what_was_so_before_is_none() {
        let feigned = shape(9_020, 7.97, ContentFormat::Feigned);
        let picture = shape(9_000, 7.9, ContentFormat::Media);
        for before in [text(9_000), picture] {
            assert_eq!(judge(&before, &feigned, false), Some(Harm::Encrypted));
        }
        assert_eq!(judge(&feigned, &feigned, false), None);
        assert_eq!(could_be_ciphertext(&feigned), Some(Harm::Encrypted));
        let magic_alone = shape(9_020, 3.0, ContentFormat::Feigned);
        assert_eq!(judge(&text(9_000), &magic_alone, false), None);
    }

    #[test]
    fn data_of_no_known_format_proves_nothing() {
        let blob = shape(9_000, 3.0, ContentFormat::Unknown);
        assert_eq!(
            judge(&blob, &shape(9_000, 7.9, ContentFormat::Unknown), false),
            None
        );
    }

    #[test]
    fn an_archive_written_over_text_counts_only_against_a_foreign_program() {
        let archive = shape(9_000, 7.9, ContentFormat::Archive);
        assert_eq!(judge(&text(9_000), &archive, false), None);
        assert_eq!(judge(&text(9_000), &archive, true), Some(Harm::Disguised));
    }

    #[test]
    fn an_archive_with_a_password_in_place_of_something_else_is_encrypted() {
        let locked = shape(4_000, 7.9, ContentFormat::Locked);
        let archive = shape(4_000, 7.9, ContentFormat::Archive);
        assert_eq!(judge(&text(9_000), &locked, false), Some(Harm::Encrypted));
        assert_eq!(judge(&archive, &locked, false), None);
    }
}
