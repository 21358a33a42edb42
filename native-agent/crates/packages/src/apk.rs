//! apk's list of what is installed: Alpine, and what is made from it. The format: wiki.alpinelinux.org, "Apk spec".
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::checksum::{Algorithm, Checksum};
use crate::database::{Owner, Visit, open_plain};

/// Relative to a root.
pub const INSTALLED: &str = "lib/apk/db/installed";
/// A large Alpine host has 10 MB.
const INSTALLED_BYTES_MAX: u64 = 128 << 20;
const LINE_BYTES_MAX: u64 = 64 << 10;

/// A package is a block of lines; of these `P` and `V` name it, `F` is a directory, `R` a file in it and `Z` its checksum.
pub fn each(root: &Path, visit: &mut Visit<'_>) -> io::Result<bool> {
    let mut lines = BufReader::new(open_plain(&root.join(INSTALLED))?.take(INSTALLED_BYTES_MAX));
    let (mut name, mut version) = (String::new(), String::new());
    let (mut directory, mut file, mut line) = (Vec::new(), Vec::new(), Vec::new());
    while lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? > 0 {
        let end = line.len() - usize::from(line.ends_with(b"\n"));
        match line.get(..end).and_then(|line| line.split_at_checked(2)) {
            Some((b"P:", text)) => {
                name = String::from_utf8_lossy(text).into_owned();
                version.clear();
                directory.clear();
            }
            Some((b"V:", text)) => version = String::from_utf8_lossy(text).into_owned(),
            Some((b"F:", text)) => text.clone_into(&mut directory),
            Some((b"R:", text)) => {
                let parts: [&[u8]; 2] = [&directory, text];
                file = parts.join(&b'/');
            }
            Some((b"Z:", text)) => {
                let owner = Owner {
                    name: &name,
                    version: &version,
                };
                if let Some(checksum) = checksum(text)
                    && !visit(owner, &file, checksum)
                {
                    return Ok(false);
                }
            }
            _ => {}
        }
        line.clear();
    }
    Ok(true)
}

/// "Q1" and SHA-1, "Q2" and SHA-256, in base64.
fn checksum(text: &[u8]) -> Option<Checksum> {
    let (kind, digest) = text.split_at_checked(2)?;
    let algorithm = match kind {
        b"Q1" => Algorithm::Sha1,
        b"Q2" => Algorithm::Sha256,
        _ => return None,
    };
    Checksum::of_digest(algorithm, &STANDARD.decode(digest).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::Lists;
    use crate::testing::root_with;

    /// As Alpine 3.20 writes it. The digests are of "x".
    const TEXT: &str = "\
C:Q1p78yvTLG094tHE1+dToJGbmYzQE=
P:busybox
V:1.36.1-r29
A:x86_64
o:busybox
F:
F:bin
R:busybox
a:0:0:755
Z:Q1EfatjsUqKYSrqv18O1FlA3hcIHI=
R:sh
a:0:0:777
Z:Q1pcfTfDNEbNKQc2s1tia7da05M8Q=
F:etc

P:new-tool
V:3
F:usr/sbin
R:new-tool
Z:Q2LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=
R:without-checksum
R:odd
Z:Q9AAAA
";

    #[test]
    fn files_are_their_packages_with_version_and_checksum() {
        let root = root_with("apk", &[(INSTALLED, TEXT.as_bytes())]);
        let lists = Lists::read(&root.0);
        assert!(lists.is_complete);
        for (path, name, version) in [
            ("/bin/busybox", "busybox", "1.36.1-r29"),
            ("/usr/bin/busybox", "busybox", "1.36.1-r29"),
            ("/usr/sbin/new-tool", "new-tool", "3"),
        ] {
            let recorded = lists.of(path.as_bytes()).unwrap();
            assert_eq!(
                (&recorded.package.name[..], &recorded.package.version[..]),
                (name, version)
            );
            let mut comparison = recorded.checksum.compare();
            comparison.update(b"x");
            assert!(comparison.is_same(), "{path}");
        }
        for nobodys in ["/usr/sbin/without-checksum", "/usr/sbin/odd", "/etc"] {
            assert_eq!(lists.of(nobodys.as_bytes()), None, "{nobodys}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_no_reason_to_read_on() {
        let long = format!(
            "{TEXT}F:{}\nR:far\nZ:Q1EfatjsUqKYSrqv18O1FlA3hcIHI=\n",
            "d".repeat(1 << 20)
        );
        let root = root_with("apk-long", &[(INSTALLED, long.as_bytes())]);
        assert!(Lists::read(&root.0).of(b"/bin/busybox").is_some());
    }
}
