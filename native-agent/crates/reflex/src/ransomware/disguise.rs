//! Ciphertext in a genuine container of another format: the name still promises what was there before, or has an ending more
//! that no format has. Only documents' names promise anything: others are given to whatever a program likes.
use norn_events::{ContentFormat, ContentShape};
use norn_programs::lineage::kind;

use super::evidence::{Harm, could_be_ciphertext, is_ciphertext};
use super::names::added_suffix;
use super::pairs::Half;

/// Ends of names and what such a file holds, lower case.
const PROMISES: [(ContentFormat, &[&str]); 4] = [
    (
        ContentFormat::Text,
        &[".txt", ".md", ".csv", ".tsv", ".tex", ".sql", ".eml"],
    ),
    (ContentFormat::Structured, &[".pdf"]),
    (
        ContentFormat::Archive,
        &[".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub"],
    ),
    (
        ContentFormat::Media,
        &[
            ".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".heic", ".mp3", ".mp4", ".mov",
        ],
    ),
];
/// What archivers and converters add to a name, beside the suffixes that all programs add.
const CONTAINERS: [&[u8]; 9] = [
    b"7z", b"rar", b"lz4", b"lzma", b"lz", b"tgz", b"webp", b"avif", b"svgz",
];

fn promised(path: &[u8]) -> Option<ContentFormat> {
    let ending = kind(path);
    let is_it = |known: &str| known.as_bytes().eq_ignore_ascii_case(ending);
    let found = PROMISES
        .iter()
        .find(|(_, endings)| endings.iter().any(|known| is_it(known)));
    found.map(|(format, _)| *format)
}

/// As random as ciphertext, in a format that is so by its nature.
fn is_container(shape: &ContentShape) -> bool {
    use ContentFormat::{Archive, Locked, Media, Structured};
    matches!(shape.format, Archive | Locked | Media | Structured) && is_ciphertext(shape)
}

/// A file that was what its name promises, and is so no more. An office's document with a password is a compound file.
pub fn broke_its_promise(path: &[u8], before: ContentFormat, after: &ContentShape) -> bool {
    let with_password = before == ContentFormat::Archive && after.format == ContentFormat::Structured;
    promised(path) == Some(before) && after.format != before && !with_password && is_container(after)
}

/// A new file that could be another one's ciphertext, by its content or by a name that does not fit to it.
pub fn could_be_made_of(path: &[u8], after: &ContentShape) -> Option<Harm> {
    let stem = &path[..path.len() - kind(path).len()];
    let is_odd = || match promised(path) {
        Some(format) => format != after.format,
        None => promised(stem).is_some(),
    };
    could_be_ciphertext(after).or_else(|| (is_container(after) && is_odd()).then_some(Harm::Disguised))
}

/// Of a pair that only the name speaks for: it is in the original's place, or has that name and an ending that says nothing.
pub fn is_disguise_of(made: &Half, gone: &Half) -> bool {
    if made.path == gone.path {
        return promised(&gone.path) == Some(gone.format) && made.format != gone.format;
    }
    let added = added_suffix(&gone.path, &made.path);
    promised(&made.path).is_none() && added.is_some_and(|suffix| !CONTAINERS.contains(&suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(format: ContentFormat) -> ContentShape {
        ContentShape {
            size: 9_000,
            entropy: 7.97,
            format,
        }
    }

    #[test]
    fn a_document_in_another_formats_container_broke_its_promise() {
        let broke = |path: &str, before, after| broke_its_promise(path.as_bytes(), before, &shape(after));
        use ContentFormat::{Archive, Locked, Media, Structured, Text};
        assert!(broke("/d/a.csv", Text, Archive) && broke("/d/a.SQL", Text, Media));
        assert!(broke("/d/a.pdf", Structured, Archive) && broke("/d/a.jpg", Media, Archive));
        assert!(broke("/d/a.docx", Archive, Media) && broke("/d/a.docx", Archive, Locked));
        assert!(!broke("/d/a.docx", Archive, Structured), "with a password");
        assert!(!broke("/d/a.png", Media, Media), "another format of pictures");
        assert!(!broke("/d/index.html", Text, Archive), "compressed to be served");
        assert!(
            !broke("/d/a.csv", Archive, Structured),
            "it never was what its name says"
        );
    }

    #[test]
    fn a_container_under_an_odd_name_may_be_another_files_ciphertext() {
        let made = |path: &str, format| could_be_made_of(path.as_bytes(), &shape(format));
        use ContentFormat::{Archive, Media};
        assert_eq!(made("/d/a.csv", Archive), Some(Harm::Disguised));
        assert_eq!(made("/d/a.csv.locked", Media), Some(Harm::Disguised));
        assert_eq!(made("/d/a.docx", Archive), None);
        assert_eq!(made("/d/a.tar.gz", Archive), None);
        assert_eq!(made("/d/blob", Archive), None);
    }
}
