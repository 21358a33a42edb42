//! rpm's database, as SQLite keeps it since rpm 4.16: Fedora, RHEL 9 and what is made from them. One row a package, which holds
//! the package's header. Its format: rpm.org, "RPM header format".
use std::io;
use std::path::Path;

use crate::checksum::{Algorithm, Checksum};
use crate::database::{Owner, Visit, open_plain};
use crate::sqlite::Database;

/// Relative to a root; newer systems have a link there.
pub const DATABASE: &str = "var/lib/rpm/rpmdb.sqlite";
pub const LOG: &str = "var/lib/rpm/rpmdb.sqlite-wal";

mod tag {
    pub const NAME: u32 = 1000;
    pub const VERSION: u32 = 1001;
    pub const RELEASE: u32 = 1002;
    pub const EPOCH: u32 = 1003;
    pub const FILE_DIGESTS: u32 = 1035;
    pub const DIRECTORY_INDEXES: u32 = 1116;
    pub const BASE_NAMES: u32 = 1117;
    pub const DIRECTORY_NAMES: u32 = 1118;
    pub const DIGEST_ALGORITHM: u32 = 5011;
}
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
/// Tag, type, offset and count, big-endian.
const ENTRY_BYTES: usize = 16;

pub fn each(root: &Path, visit: &mut Visit<'_>) -> io::Result<bool> {
    let log = open_plain(&root.join(LOG)).ok();
    let database = Database::open(open_plain(&root.join(DATABASE))?, log)?;
    database.rows("Packages", &mut |row| {
        // (hnum, blob)
        let blob = row.column(1).unwrap_or_default();
        Header::parse(blob).is_none_or(|header| header.each(visit))
    })
}

struct Header<'a> {
    index: &'a [u8],
    store: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(blob: &'a [u8]) -> Option<Self> {
        let entries = number(blob, 0)? as usize;
        let index_end = entries.checked_mul(ENTRY_BYTES)?.checked_add(8)?;
        Some(Self {
            index: blob.get(8..index_end)?,
            store: blob.get(index_end..index_end.checked_add(number(blob, 4)? as usize)?)?,
        })
    }

    /// Directories, links and what is not packed have no digest.
    fn each(&self, visit: &mut Visit<'_>) -> bool {
        let name = self.text(tag::NAME);
        let version = self.version();
        let owner = Owner {
            name: &name,
            version: &version,
        };
        let algorithm = match self.numbers(tag::DIGEST_ALGORITHM).next().unwrap_or(1) {
            1 => Algorithm::Md5,
            2 => Algorithm::Sha1,
            8 => Algorithm::Sha256,
            10 => Algorithm::Sha512,
            _ => return true,
        };
        let directories: Vec<&[u8]> = self.strings(tag::DIRECTORY_NAMES).collect();
        let files = self
            .strings(tag::BASE_NAMES)
            .zip(self.numbers(tag::DIRECTORY_INDEXES))
            .zip(self.strings(tag::FILE_DIGESTS));
        for ((file, directory), digest) in files {
            let Some(checksum) = Checksum::of_hex(algorithm, digest) else {
                continue;
            };
            let directory = directories.get(directory as usize).copied().unwrap_or_default();
            let path = [directory, file].concat();
            if !visit(owner, path.strip_prefix(b"/").unwrap_or(&path), checksum) {
                return false;
            }
        }
        true
    }

    fn version(&self) -> String {
        let epoch = self.numbers(tag::EPOCH).next();
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        format!("{epoch}{}-{}", self.text(tag::VERSION), self.text(tag::RELEASE))
    }

    fn text(&self, tag: u32) -> String {
        let bytes = self.strings(tag).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Those of a tag, each ended by a zero; none when the header has no such tag.
    fn strings(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        let (values, count) = self.values(tag, &[STRING, STRINGS]).unwrap_or_default();
        values.split(|byte| *byte == 0).take(count)
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let (values, count) = self.values(tag, &[INT32]).unwrap_or_default();
        let words = values.chunks_exact(4).take(count);
        words.filter_map(|word| number(word, 0))
    }

    /// Where the values of a tag begin, and how many there are.
    fn values(&self, tag: u32, kinds: &[u32]) -> Option<(&'a [u8], usize)> {
        let entry = self
            .index
            .chunks_exact(ENTRY_BYTES)
            .find(|entry| number(entry, 0) == Some(tag))?;
        let is_kind = kinds.contains(&number(entry, 4)?);
        let values = self.store.get(number(entry, 8)? as usize..)?;
        is_kind.then_some((values, number(entry, 12)? as usize))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use norn_events::Package;

    use crate::lists::{Lists, Recorded, look_up};
    use crate::testing::{root_with, sha256_of};

    const WHOLE: &[u8] = include_bytes!("../fixtures/rpmdb.sqlite");
    const OPEN: &[u8] = include_bytes!("../fixtures/open.sqlite");
    const OPEN_LOG: &[u8] = include_bytes!("../fixtures/open.sqlite-wal");

    fn is(recorded: &Option<Recorded>, package: &str, version: &str, content: &[u8]) -> bool {
        recorded.as_ref().is_some_and(|recorded| {
            let package = Package {
                name: package.to_owned(),
                version: version.to_owned(),
            };
            *recorded.package == package && recorded.checksum == sha256_of(content)
        })
    }

    #[test]
    fn files_of_packages_that_rpm_installed_are_theirs_with_version_and_digest() {
        let root = root_with("rpm", &[(DATABASE, WHOLE)]);
        let lists = Lists::read(&root.0);
        assert!(lists.is_complete);
        for recorded in [
            lists.of(b"/usr/bin/norn-x"),
            look_up(&root.0, b"/usr/bin/norn-x").unwrap(),
        ] {
            assert!(
                is(&recorded, "norn-many", "2:1.2-3.fixture", b"x"),
                "{recorded:?}"
            );
        }
        for tool in 1..=120 {
            let path = format!("/usr/libexec/norn/tool-{tool}");
            let recorded = lists.of(path.as_bytes());
            assert!(
                is(
                    &recorded,
                    "norn-many",
                    "2:1.2-3.fixture",
                    tool.to_string().as_bytes()
                ),
                "{path}"
            );
        }
        for number in 1..=6 {
            let name = format!("norn-one{number}");
            let recorded = lists.of(format!("/usr/bin/{name}").as_bytes());
            let content = format!("one{number}");
            assert!(
                is(&recorded, &name, &format!("0.{number}-1"), content.as_bytes()),
                "{name}"
            );
        }
        for nobodys in ["/usr/bin/norn-link", "/usr/libexec/norn", "/usr/bin/other"] {
            assert_eq!(lists.of(nobodys.as_bytes()), None, "{nobodys}");
        }
    }

    #[test]
    fn what_is_in_the_log_alone_counts() {
        let (one, six): (&[u8], &[u8]) = (b"/usr/bin/norn-one1", b"/usr/bin/norn-one6");
        let settled = root_with("rpm-settled", &[(DATABASE, OPEN)]);
        let lists = Lists::read(&settled.0);
        assert!(lists.of(one).is_some() && lists.of(six).is_none());
        let open = root_with("rpm-open", &[(DATABASE, OPEN), (LOG, OPEN_LOG)]);
        let lists = Lists::read(&open.0);
        assert!(lists.is_complete && lists.of(one).is_none());
        assert!(is(&lists.of(six), "norn-one6", "0.6-1", b"one6"));
    }

    #[test]
    fn a_transaction_that_is_not_whole_has_not_happened() {
        let log = &OPEN_LOG[..OPEN_LOG.len() - 1];
        let root = root_with("rpm-torn", &[(DATABASE, OPEN), (LOG, log)]);
        let lists = Lists::read(&root.0);
        assert!(
            lists.of(b"/usr/bin/norn-one1").is_none(),
            "the first transaction is whole"
        );
        assert!(lists.of(b"/usr/bin/norn-one6").is_none(), "the second is not");
    }

    #[test]
    fn a_database_that_somebody_broke_is_not_complete_or_says_less_and_ends() {
        let at = root_with("rpm-broken", &[(DATABASE, WHOLE)]);
        let file = at.0.join(DATABASE);
        for (step, value) in [(211, 0xff), (197, 0x00), (223, 0x81)] {
            for start in 0..step {
                let mut bytes = WHOLE.to_vec();
                for byte in bytes.iter_mut().skip(start).step_by(step) {
                    *byte = value;
                }
                std::fs::write(&file, &bytes).unwrap();
                let _lists = Lists::read(&at.0);
            }
        }
        for length in (0..WHOLE.len()).step_by(997) {
            std::fs::write(&file, &WHOLE[..length]).unwrap();
            assert!(!Lists::read(&at.0).is_complete, "{length}");
        }
    }
}
