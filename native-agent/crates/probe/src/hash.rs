//! SHA-256 of executables and the package each belongs to, off the hot path: a low-priority thread with a bounded queue, and a
//! cache by file.
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use norn_events::{Image, ImageFlag, Package};
use norn_packages::{Finder, HostPackages, Recorded};
use sha2::{Digest, Sha256};

use crate::record::LifecycleFacts;

pub type Sha256Sum = [u8; 32];

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub sha256: Sha256Sum,
    /// What put it there, when it is still what that package put there.
    pub package: Option<Arc<Package>>,
    /// Under which name it was looked for: a link or a mount gives a package's file the name of another.
    pub path: PathBuf,
}

impl Content {
    /// What was put into a container's upper layer did not come with its image: whoever put it there may have written the list
    /// of packages, too.
    pub fn describe(&self, image: &mut Image) {
        let is_in_upper_layer = image.flags & ImageFlag::UpperLayer as u32 != 0;
        image.sha256 = Some(self.sha256);
        let is_named_so = image.path == self.path.as_os_str().as_bytes();
        image.package = self.package.clone().filter(|_| is_named_so && !is_in_upper_layer);
    }
}

/// A file's content, as far as its metadata tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileVersion {
    device: u32,
    inode: u64,
    mtime_ns: u64,
    size: u64,
}

impl From<&LifecycleFacts> for FileVersion {
    fn from(facts: &LifecycleFacts) -> Self {
        Self {
            device: facts.device,
            inode: facts.inode,
            mtime_ns: facts.mtime_ns,
            size: facts.size,
        }
    }
}

impl FileVersion {
    pub fn is_of(&self, device: u64, inode: u64) -> bool {
        u64::from(self.device) == device && self.inode == inode
    }
}

/// Where a file is looked for, and how soon.
#[derive(Debug)]
pub struct Source {
    pub pid: u32,
    /// Its creator, in whose root the file is looked for when it has ended.
    pub parent_pid: u32,
    /// As the process sees it.
    pub path: PathBuf,
    /// The root it is seen from is the host's.
    pub is_of_host: bool,
    /// Started since the agent was: goes before what ran already.
    pub is_fresh: bool,
}

struct Request {
    version: FileVersion,
    source: Source,
}

/// What waits to be hashed. A fresh exec does not wait for the start's snapshot.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    fresh: VecDeque<Request>,
    old: VecDeque<Request>,
    is_closed: bool,
}

impl Queue {
    /// Whether there was room.
    fn push(&self, request: Request) -> bool {
        let mut waiting = self.lock();
        let queue = if request.source.is_fresh {
            &mut waiting.fresh
        } else {
            &mut waiting.old
        };
        if queue.len() >= Hasher::QUEUE_MAX {
            return false;
        }
        queue.push_back(request);
        self.changed.notify_one();
        true
    }

    /// The next; `None` when the queue was closed.
    fn pop(&self) -> Option<Request> {
        let mut waiting = self.lock();
        loop {
            if waiting.is_closed {
                return None;
            }
            if let Some(request) = waiting.fresh.pop_front().or_else(|| waiting.old.pop_front()) {
                return Some(request);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Hasher {
    requests: Arc<Queue>,
    results: Receiver<(FileVersion, Option<Content>)>,
    known: HashMap<FileVersion, State>,
    refused: u64,
}

#[derive(Debug)]
enum State {
    Asked,
    Known(Content),
}

impl Hasher {
    /// Executables that wait: at most this many fresh ones, and as many others.
    const QUEUE_MAX: usize = 256;
    /// Files remembered.
    const KNOWN_MAX: usize = 8_192;
    /// Larger executables are not hashed, bytes.
    const FILE_BYTES_MAX: u64 = 512 << 20;

    pub fn start() -> io::Result<Self> {
        let requests = Arc::new(Queue::default());
        let todo = Arc::clone(&requests);
        let (done, results) = mpsc::channel();
        thread::Builder::new()
            .name("norn-hash".to_owned())
            .spawn(move || {
                lower_priority();
                let host = HostPackages::shared();
                host.read_beside();
                let mut packages = Finder::new(host);
                while let Some(request) = todo.pop() {
                    let content = read(&request, &mut packages).ok();
                    if done.send((request.version, content)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            requests,
            results,
            known: HashMap::new(),
            refused: 0,
        })
    }

    /// Whether the file is being read.
    pub fn is_asked(&self, facts: &LifecycleFacts) -> bool {
        matches!(self.known.get(&FileVersion::from(facts)), Some(State::Asked))
    }

    /// Executables not hashed because too many waited.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The content if it is known; if not, it is asked for and comes out of `take_results` later.
    pub fn content_of(&mut self, facts: &LifecycleFacts, source: Source) -> Option<Content> {
        let version = FileVersion::from(facts);
        match self.known.get(&version) {
            Some(State::Known(content)) if content.path == source.path => return Some(content.clone()),
            Some(State::Known(_)) => {}
            Some(State::Asked) => return None,
            None => {}
        }
        if facts.size > Self::FILE_BYTES_MAX || facts.inode == 0 {
            return None;
        }
        if self.requests.push(Request { version, source }) {
            self.forget_if_full();
            self.known.insert(version, State::Asked);
        } else {
            self.refused += 1;
        }
        None
    }

    /// What has been hashed since the last time; `None` for what could not be read.
    pub fn take_results(&mut self) -> Vec<(FileVersion, Option<Content>)> {
        let mut contents = Vec::new();
        while let Ok((version, content)) = self.results.try_recv() {
            match content.clone() {
                Some(content) => {
                    self.known.insert(version, State::Known(content));
                }
                // It could not be read, its process is gone: the next exec asks again.
                None => {
                    self.known.remove(&version);
                }
            }
            contents.push((version, content));
        }
        contents
    }

    fn forget_if_full(&mut self) {
        if self.known.len() >= Self::KNOWN_MAX {
            self.known.retain(|_, state| matches!(state, State::Asked));
        }
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.requests.close();
    }
}

/// Behind the workload but not starved by it: under SCHED_IDLE a busy host, such as one with a miner on it, would never
/// learn a hash.
fn lower_priority() {
    const NICE: i32 = 10;
    // SAFETY: setpriority of the calling thread takes plain values.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

fn read(request: &Request, packages: &mut Finder) -> io::Result<Content> {
    let Source {
        pid,
        parent_pid,
        path,
        is_of_host,
        ..
    } = &request.source;
    let running = Path::new("/proc").join(pid.to_string());
    // Before the file: a process that still is there then was there now.
    let root = if *is_of_host {
        PathBuf::from("/")
    } else {
        let parent = Path::new("/proc").join(parent_pid.to_string());
        let living = if running.exists() { &running } else { &parent };
        living.join("root")
    };
    let recorded = packages.find(&root, path.as_os_str().as_bytes());
    let in_root = root.join(path.strip_prefix("/").unwrap_or(path));
    let candidates = [running.join("exe"), in_root];
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for candidate in candidates {
        match open_version(&candidate, &request.version).and_then(|file| read_file(file, recorded.as_ref())) {
            Ok(content) => {
                return Ok(Content {
                    path: path.clone(),
                    ..content
                });
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The file, if it still is the one that was started: another may have been put, or mounted, where it was.
fn open_version(path: &Path, version: &FileVersion) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    let mtime_ns = metadata.mtime() as u64 * 1_000_000_000 + metadata.mtime_nsec() as u64;
    let is_same = metadata.size() == version.size && mtime_ns == version.mtime_ns;
    if !is_same || metadata.ino() != version.inode {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    Ok(file)
}

fn read_file(mut file: File, recorded: Option<&Recorded>) -> io::Result<Content> {
    const CHUNK_BYTES: usize = 64 * 1024;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut sha256 = Sha256::new();
    let mut comparison = recorded.map(|recorded| (recorded, recorded.checksum.compare()));
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        sha256.update(&chunk[..read]);
        if let Some((_, comparison)) = &mut comparison {
            comparison.update(&chunk[..read]);
        }
    }
    let owner = comparison.and_then(|(recorded, comparison)| comparison.is_same().then_some(recorded));
    Ok(Content {
        sha256: sha256.finalize().into(),
        package: owner.map(|recorded| Arc::clone(&recorded.package)),
        path: PathBuf::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::Md5;
    use norn_packages::{Algorithm, Checksum};

    fn recorded(checksum: [u8; 16]) -> Recorded {
        let (name, version) = ("x-tools".to_owned(), "2".to_owned());
        Recorded {
            checksum: Checksum::of_digest(Algorithm::Md5, &checksum).unwrap(),
            package: Arc::new(Package { name, version }),
        }
    }

    /// Of a file that holds "x".
    fn content(recorded: &Recorded) -> Content {
        let memory = nix::sys::memfd::memfd_create(c"x", nix::sys::memfd::MFdFlags::empty()).unwrap();
        let mut file = File::from(memory);
        std::io::Write::write_all(&mut file, b"x").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        read_file(file, Some(recorded)).unwrap()
    }

    #[test]
    fn a_file_belongs_to_its_package_while_it_is_what_that_put_there() {
        let unchanged = recorded(Md5::digest(b"x").into());
        assert_eq!(content(&unchanged).package, Some(Arc::clone(&unchanged.package)));
        assert_eq!(content(&recorded([0; 16])).package, None);
    }

    #[test]
    fn a_packages_file_under_the_name_of_another_belongs_to_no_package() {
        let content = Content {
            path: "/usr/bin/cat".into(),
            ..content(&recorded(Md5::digest(b"x").into()))
        };
        for (path, is_known) in [("/usr/bin/cat", true), ("/usr/sbin/sshd", false)] {
            let mut image = Image {
                path: path.into(),
                ..Image::default()
            };
            content.describe(&mut image);
            assert_eq!(
                (image.sha256.is_some(), image.package.is_some()),
                (true, is_known),
                "{path}"
            );
        }
    }

    #[test]
    fn what_lies_in_a_containers_upper_layer_belongs_to_no_package() {
        let content = content(&recorded(Md5::digest(b"x").into()));
        let described = |flags| {
            let mut image = Image {
                flags,
                ..Image::default()
            };
            content.describe(&mut image);
            (image.sha256.is_some(), image.package.is_some())
        };
        assert_eq!(described(0), (true, true));
        assert_eq!(described(ImageFlag::UpperLayer as u32), (true, false));
    }
}
