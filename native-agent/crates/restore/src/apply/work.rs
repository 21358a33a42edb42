//! One place of a restore: what each step needs to find a file there, and to keep what gives way.
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use norn_aside::Aside;
use norn_events::wire::action::v1::FileVerdict;
use norn_journal::file::{FileKey, Metadata, PlaceId};
use norn_journal::record::Version;
use norn_os as os;
use norn_watch::watched::Watched;

use crate::content::{Source, each_extent};
use crate::deed::{At, Deed};
use crate::layer_names::Names;
use crate::plan::{Plan, Target};
use crate::quarantine::{Kept, Origin, is_code, keep, keep_file};
use crate::tree::{Entry, Tree};
use crate::verdict::describe;

pub struct Work<'a> {
    pub watched: &'a Watched,
    pub tree: &'a Tree,
    pub plan: &'a Plan,
    pub place: PlaceId,
    pub deed: &'a Deed<'a>,
    pub names: RefCell<Names>,
    /// Of the last name that was changed.
    pub aside: RefCell<Option<Rc<Aside>>>,
    /// What was given privileges, by path.
    pub privileged: RefCell<HashMap<Vec<u8>, OwnedFd>>,
    /// Of directories, put back at the end.
    pub loosened: RefCell<Flags>,
    /// Names that got their files back when others did.
    pub exchanged: RefCell<HashSet<Vec<u8>>>,
}

/// The file itself, under its name; `moved` there by this restore.
pub struct Placed<'a> {
    pub path: &'a [u8],
    pub target: &'a Target,
    pub entry: &'a Entry,
    pub moved: bool,
}

/// What stood in the way. Flags are no part of a pre-image. A file that had them before could not be changed, so they are the
/// attack's and go; a directory may have had them before, and gets them back.
#[derive(Default)]
pub struct Flags(pub Vec<os::Loosened>);

impl Flags {
    pub fn put_back(&self) {
        for directory in &self.0 {
            if let Err(error) = directory.put_back() {
                tracing::warn!(%error, "a directory that was immutable or append-only is so no more");
            }
        }
    }
}

impl<'a> Work<'a> {
    pub fn new(
        (watched, plan): (&'a Watched, &'a Plan),
        (place, tree): (PlaceId, &'a Tree),
        deed: &'a Deed<'a>,
    ) -> Self {
        Self {
            watched,
            tree,
            plan,
            place,
            deed,
            names: RefCell::default(),
            aside: RefCell::default(),
            privileged: RefCell::default(),
            loosened: RefCell::default(),
            exchanged: RefCell::default(),
        }
    }

    pub fn at<'b>(&self, path: &'b [u8], target: &'b Target) -> At<'b> {
        At {
            place: self.place,
            path,
            seen: &target.seen,
        }
    }

    pub fn source<'b>(&'b self, version: &'b Version) -> Source<'b> {
        Source {
            store: &self.watched.store,
            lower: &self.tree.lower,
            version,
        }
    }

    pub fn lookup(&self, path: &[u8]) -> io::Result<Option<Entry>> {
        let target = self.plan.targets.get(&(self.place, path.to_vec()));
        let left = target.and_then(|target| target.put);
        self.tree
            .lookup_known(&self.watched.store, (self.place, path), left)
    }

    pub fn original(&self, key: FileKey) -> FileKey {
        self.watched.store.index().original(key)
    }

    /// What an attack dropped is evidence. The name it has in quarantine.
    pub fn keep_executable(&self, file: &OwnedFd, metadata: &Metadata, target: &Target) -> Option<String> {
        let kept = is_code(file, metadata).and_then(|code| match code {
            true => {
                let origin = self.origin(Kept::Dropped, metadata, target);
                keep_file(&self.watched.quarantine, file, origin).map(Some)
            }
            false => Ok(None),
        });
        kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "a removed executable could not be kept");
            None
        })
    }

    fn origin(&self, kept: Kept, metadata: &Metadata, target: &Target) -> Origin {
        let container = self.plan.containers.get(&target.process);
        Origin {
            sha256: String::new(),
            kept,
            path: String::from_utf8_lossy(&target.seen).into_owned(),
            container_id: container.cloned().unwrap_or_default(),
            size: metadata.size,
            mode: metadata.mode,
        }
    }

    /// What somebody made of the file since stays where it is; its state from before goes into quarantine.
    pub fn keep_both(&self, target: &Target, why: &mut String, verdict: &mut FileVerdict) {
        let Some(version) = target
            .version
            .as_ref()
            .filter(|version| version.metadata.is_regular())
        else {
            return;
        };
        describe(verdict, &version.metadata);
        let origin = self.origin(Kept::Conflict, &version.metadata, target);
        let kept = keep(&self.watched.quarantine, origin, |each| {
            each_extent(self.source(version), each).map_err(io::Error::other)
        });
        match kept {
            Ok(name) => {
                verdict.sha256_before = bytes_of(&name);
                why.push_str(&format!(
                    "; its state from before is kept in quarantine as {name}"
                ));
                verdict.quarantined_as = name;
            }
            Err(error) => why.push_str(&format!("; its state from before can't be kept ({error})")),
        }
    }
}

/// Of a hash in hex.
fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.filter_map(byte).collect()
}
