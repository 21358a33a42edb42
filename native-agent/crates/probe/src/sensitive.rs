//! Which files the kernel side tells of when they are read: a table of libs/contracts, as the maps of bpf/include/sensitive.bpf.h.
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use norn_events::SensitiveFile;
use serde::Deserialize;

const TABLE: &str = include_str!("../../../../libs/contracts/src/sensitive-files.json");

/// SENSITIVE_NAME_BYTES of bpf/include/record.h; the last byte is 0.
const NAME_BYTES: usize = 40;
/// SENSITIVE_BITS.
const BITS: usize = 4_096;

/// Files by their names, by that of their directory, or by both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    class: String,
    #[serde(default)]
    directory: String,
    #[serde(default)]
    names: Vec<String>,
    /// Of a whole directory: not these.
    #[serde(default)]
    except: Vec<String>,
}

/// Directory and name; either may be empty, for any.
type Names = (String, String);

/// The kernel's maps as they are to be.
pub struct SensitiveFiles {
    classes: BTreeMap<Names, u8>,
}

impl SensitiveFiles {
    /// The table that is built in. What is wrong in it is left out: a test holds it to being right.
    pub fn built_in() -> Self {
        let entries: Vec<Entry> = serde_json::from_str(TABLE).unwrap_or_default();
        Self {
            classes: entries.iter().flat_map(Entry::classes).collect(),
        }
    }

    /// This one too, by its name and that of its directory. What the kernel's side can't hold is left out, and logged.
    pub fn add(&mut self, file: &Path, class: SensitiveFile) {
        let part = |part: Option<&OsStr>| part.and_then(OsStr::to_str).map(str::to_owned);
        let names = part(file.parent().and_then(Path::file_name)).zip(part(file.file_name()));
        match names.filter(|(directory, name)| directory.len().max(name.len()) < NAME_BYTES) {
            Some(names) => drop(self.classes.insert(names, class as u8)),
            None => {
                tracing::warn!(file = %file.display(), "reads of this file are not told: its name is too long, or no text")
            }
        }
    }

    /// SensitiveFile of a file by the names of its directory and its own; 0: not sensitive.
    pub fn class_of(&self, directory: &[u8], name: &[u8]) -> u8 {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (directory, name) = (text(directory), text(name));
        [
            (directory.clone(), name.clone()),
            (String::new(), name),
            (directory, String::new()),
        ]
        .iter()
        .find_map(|names| self.classes.get(names).copied())
        .unwrap_or_default()
    }

    /// # Errors
    /// When the kernel refuses an entry.
    pub fn install(&self, files: &MapHandle, names: &MapHandle) -> libbpf_rs::Result<()> {
        for (key, class) in &self.classes {
            files.update(&key_bytes(key), &[*class], MapFlags::ANY)?;
        }
        names.update(&0_u32.to_ne_bytes(), &self.bits(), MapFlags::ANY)
    }

    /// `struct sensitive_names`.
    fn bits(&self) -> Vec<u8> {
        let mut bits = vec![0; 2 * BITS / 8];
        for (directory, name) in self.classes.keys() {
            // A directory is looked at where the name says nothing.
            let (half, text) = if name.is_empty() {
                (1, directory)
            } else {
                (0, name)
            };
            let bit = half * BITS + hash(text.as_bytes());
            bits[bit / 8] |= 1 << (bit % 8);
        }
        bits
    }
}

impl Entry {
    fn classes(&self) -> Vec<(Names, u8)> {
        let name = format!("SENSITIVE_FILE_{}", self.class.to_uppercase().replace('-', "_"));
        let class = SensitiveFile::from_str_name(&name).map_or(0, |class| class as i32 as u8);
        let of = |name: &str, class| ((self.directory.clone(), name.to_owned()), class);
        let whole = self.names.is_empty().then(|| of("", class));
        let named = self.names.iter().map(|name| of(name, class));
        let excepted = self.except.iter().map(|name| of(name, 0));
        whole.into_iter().chain(named).chain(excepted).collect()
    }
}

fn key_bytes((directory, name): &Names) -> [u8; 2 * NAME_BYTES] {
    let mut key = [0; 2 * NAME_BYTES];
    for (start, text) in [(0, directory), (NAME_BYTES, name)] {
        let bytes = &text.as_bytes()[..text.len().min(NAME_BYTES - 1)];
        key[start..start + bytes.len()].copy_from_slice(bytes);
    }
    key
}

/// `dentry__hash_name`.
fn hash(name: &[u8]) -> usize {
    let mut head = [0; 8];
    let known = name.len().min(8);
    head[..known].copy_from_slice(&name[..known]);
    let length = (name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((u64::from_le_bytes(head) ^ length).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 52) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_right() {
        let entries: Vec<Entry> = serde_json::from_str(TABLE).unwrap();
        let mut seen = BTreeMap::new();
        for entry in &entries {
            assert!(
                !entry.directory.is_empty() || !entry.names.is_empty(),
                "{entry:?}"
            );
            assert!(entry.except.is_empty() || entry.names.is_empty(), "{entry:?}");
            for (names, class) in entry.classes() {
                assert!(class > 0 || entry.except.contains(&names.1), "{entry:?}");
                assert!(
                    names.0.len() < NAME_BYTES && names.1.len() < NAME_BYTES,
                    "{names:?}"
                );
                assert_eq!(seen.insert(names.clone(), class), None, "{names:?} twice");
            }
        }
        assert!(
            seen.len() < 500,
            "the kernel's map has room for 512, not {}",
            seen.len()
        );
    }

    #[test]
    fn one_that_is_added_is_known_by_both_names() {
        let mut files = SensitiveFiles::built_in();
        files.add(Path::new("/var/lib/norn/identity.json"), SensitiveFile::AgentKey);
        assert_eq!(
            files.class_of(b"norn", b"identity.json"),
            SensitiveFile::AgentKey as u8
        );
        assert_eq!(files.class_of(b"other", b"identity.json"), 0);
        let before = files.classes.len();
        files.add(
            &Path::new("/var").join("n".repeat(NAME_BYTES)),
            SensitiveFile::AgentKey,
        );
        files.add(Path::new("/"), SensitiveFile::AgentKey);
        assert_eq!(files.classes.len(), before);
    }

    #[test]
    fn few_names_that_are_not_in_the_table_have_a_bit_in_it() {
        let bits = SensitiveFiles::built_in().bits();
        let set: u32 = bits[..BITS / 8].iter().map(|byte| byte.count_ones()).sum();
        assert!((60..250).contains(&set), "{set} of {BITS}");
    }

    #[test]
    fn what_a_directory_excepts_is_of_no_class() {
        let classes = SensitiveFiles::built_in().classes;
        let of = |directory: &str, name: &str| classes.get(&(directory.to_owned(), name.to_owned())).copied();
        assert_eq!(of(".ssh", "known_hosts"), Some(0));
        assert_eq!(of(".ssh", ""), Some(SensitiveFile::SshKey as u8));
        assert_eq!(of("etc", "shadow"), Some(SensitiveFile::PasswordHash as u8));
    }
}
