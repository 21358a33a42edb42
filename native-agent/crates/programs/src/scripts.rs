//! Whether a script is a package's and unchanged, found out on a thread of its own: the lists of packages may have to be read for it.
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use libc::{O_DIRECTORY, O_PATH};
use norn_packages::{Finder, HostPackages};

use crate::script::is_roots;

/// A file as far as its metadata tell; it changes when its content does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptVersion {
    device: u64,
    inode: u64,
    size: u64,
    ctime_ns: i128,
}

/// A root directory as a process sees it, held open: who started there may have ended before its script is looked at.
#[derive(Debug)]
pub struct Root(File);

impl Root {
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(O_PATH | O_DIRECTORY);
        options.open(path).map(Self)
    }

    fn path(&self) -> PathBuf {
        Path::new("/proc/self/fd").join(self.0.as_raw_fd().to_string())
    }
}

#[derive(Debug)]
struct Question {
    version: ScriptVersion,
    root: Root,
    /// Absolute, below the root.
    script: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Packaged,
    Other,
    Asked,
}

#[derive(Debug)]
pub struct Scripts {
    questions: SyncSender<Question>,
    answers: Receiver<(ScriptVersion, bool)>,
    known: HashMap<ScriptVersion, Verdict>,
}

impl Scripts {
    /// Scripts that wait; whose turn does not come counts as nobody's.
    const QUEUE_MAX: usize = 64;
    const KNOWN_MAX: usize = 1_024;
    /// No script is larger, bytes.
    const FILE_BYTES_MAX: u64 = 4 << 20;

    pub fn start() -> io::Result<Self> {
        let (questions, todo) = mpsc::sync_channel::<Question>(Self::QUEUE_MAX);
        let (done, answers) = mpsc::channel();
        thread::Builder::new()
            .name("norn-scripts".to_owned())
            .spawn(move || {
                let mut packages = Finder::new(HostPackages::shared());
                while let Ok(question) = todo.recv() {
                    let packaged = is_packaged(&question, &mut packages).unwrap_or(false);
                    if done.send((question.version, packaged)).is_err() {
                        return;
                    }
                }
            })?;
        let known = HashMap::new();
        Ok(Self {
            questions,
            answers,
            known,
        })
    }

    /// By what to ask for the verdict of the script at `script` below `root`; `None`: it is nobody's. `started_ns`: its container did so
    /// then, Unix time; what came later did not come with the image.
    pub fn ask(&mut self, root: Root, script: &[u8], started_ns: Option<u64>) -> Option<ScriptVersion> {
        self.take_answers();
        let path = below(&root.path(), script);
        let version = version_of(&path).filter(|_| is_roots(&path))?;
        if started_ns.is_some_and(|started| version.ctime_ns >= i128::from(started)) {
            return None;
        }
        if self.known.contains_key(&version) {
            return Some(version);
        }
        if self.known.len() >= Self::KNOWN_MAX {
            self.known.retain(|_, verdict| *verdict == Verdict::Asked);
        }
        let script = script.to_vec();
        let question = Question {
            version,
            root,
            script,
        };
        self.questions.try_send(question).ok()?;
        self.known.insert(version, Verdict::Asked);
        Some(version)
    }

    /// Of a script that was asked about.
    pub fn verdict(&mut self, version: ScriptVersion) -> Verdict {
        self.take_answers();
        self.known.get(&version).copied().unwrap_or(Verdict::Other)
    }

    fn take_answers(&mut self) {
        while let Ok((version, packaged)) = self.answers.try_recv() {
            let verdict = if packaged {
                Verdict::Packaged
            } else {
                Verdict::Other
            };
            self.known.insert(version, verdict);
        }
    }
}

pub fn below(root: &Path, path: &[u8]) -> PathBuf {
    root.join(Path::new(std::ffi::OsStr::from_bytes(
        path.strip_prefix(b"/").unwrap_or(path),
    )))
}

fn version_of(path: &Path) -> Option<ScriptVersion> {
    let found = fs::symlink_metadata(path).ok()?;
    Some(ScriptVersion {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        ctime_ns: i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()),
    })
}

fn is_packaged(question: &Question, packages: &mut Finder) -> io::Result<bool> {
    let root = question.root.path();
    let inside = question.script.strip_prefix(b"/").unwrap_or(&question.script);
    let Some(recorded) = packages.find_any(&root, inside) else {
        return Ok(false);
    };
    let mut content = Vec::new();
    let script = below(&root, &question.script);
    let file = File::open(&script)?;
    file.take(Scripts::FILE_BYTES_MAX).read_to_end(&mut content)?;
    let mut comparison = recorded.checksum.compare();
    comparison.update(&content);
    // Read after it was named: what was put in its place meanwhile is another.
    Ok(comparison.is_same() && version_of(&script) == Some(question.version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};
    use std::os::unix::fs::{PermissionsExt, symlink};

    struct Tree(PathBuf);

    impl Drop for Tree {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    const SCRIPT: &[u8] = b"/usr/share/tool/frontend";

    /// With a package whose script holds "#!/bin/sh".
    fn root(name: &str) -> Tree {
        let root = std::env::temp_dir().join(format!("norn-scripts-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
        fs::create_dir_all(root.join("usr/share/tool")).unwrap();
        let sum: String = Md5::digest(b"#!/bin/sh")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        fs::write(
            root.join("var/lib/dpkg/info/tool.md5sums"),
            format!("{sum}  usr/share/tool/frontend\n"),
        )
        .unwrap();
        fs::write(below(&root, SCRIPT), b"#!/bin/sh").unwrap();
        Tree(root)
    }

    fn settled(root: &Tree, started_ns: Option<u64>) -> Verdict {
        let mut scripts = Scripts::start().unwrap();
        let Some(version) = scripts.ask(Root::open(&root.0).unwrap(), SCRIPT, started_ns) else {
            return Verdict::Other;
        };
        loop {
            match scripts.verdict(version) {
                Verdict::Asked => thread::yield_now(),
                verdict => return verdict,
            }
        }
    }

    #[test]
    fn a_script_is_packaged_while_it_is_what_its_package_put_there() {
        let root = root("same");
        assert_eq!(settled(&root, None), Verdict::Packaged);
        fs::write(below(&root.0, SCRIPT), b"#!/bin/zz").unwrap();
        assert_eq!(settled(&root, None), Verdict::Other);
    }

    #[test]
    fn what_others_may_write_and_what_is_a_link_are_nobodys() {
        let root = root("writable");
        let path = below(&root.0, SCRIPT);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(settled(&root, None), Verdict::Other);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&path, root.0.join("usr/share/tool/elsewhere")).unwrap();
        symlink("elsewhere", &path).unwrap();
        assert_eq!(settled(&root, None), Verdict::Other);
    }

    #[test]
    fn what_came_after_the_containers_start_did_not_come_with_its_image() {
        let root = root("late");
        assert_eq!(settled(&root, Some(0)), Verdict::Other);
        assert_eq!(settled(&root, Some(u64::MAX / 2)), Verdict::Packaged);
    }
}
