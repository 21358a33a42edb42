//! What was done to files, in order, each with what is needed to undo it. Written down before the call that does it goes on:
//! a call that fails leaves a deed that undoes nothing.
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use norn_events::ProcessUid;

use crate::pack::Pack;
use crate::preimage::{Attributes, Content, FileId, PreImage, Stamp};

/// Deeds remembered; the oldest go first, and are counted.
pub const DEEDS_MAX: usize = 40_000;
/// Inodes whose last pre-image may serve again.
const KNOWN_MAX: usize = 20_000;

pub enum What {
    Written(Arc<PreImage>),
    Created,
    Removed(Arc<PreImage>),
    Renamed {
        to: PathBuf,
        id: FileId,
        replaced: Option<Arc<PreImage>>,
        exchange: bool,
    },
    /// Which file's.
    Attributes(FileId, Attributes),
}

pub struct Deed {
    pub number: u64,
    pub time_ns: u64,
    pub actor: ProcessUid,
    /// The actor and its ancestors.
    pub lineage: Arc<[ProcessUid]>,
    pub path: PathBuf,
    pub what: What,
}

impl Deed {
    pub fn is_by(&self, scopes: &[ProcessUid]) -> bool {
        self.lineage.iter().any(|uid| scopes.contains(uid))
    }

    fn pre_image(&self) -> Option<&Arc<PreImage>> {
        match &self.what {
            What::Written(pre) | What::Removed(pre) => Some(pre),
            What::Renamed { replaced, .. } => replaced.as_ref(),
            What::Created | What::Attributes(..) => None,
        }
    }

    /// Every name that it touched.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let target = match &self.what {
            What::Renamed { to, .. } => Some(to.as_path()),
            _ => None,
        };
        std::iter::once(self.path.as_path()).chain(target)
    }

    pub fn file(&self) -> Option<FileId> {
        match &self.what {
            What::Renamed { id, .. } => Some(*id),
            _ => self.pre_image().map(|pre| pre.stamp.id),
        }
    }
}

/// Who does it.
#[derive(Clone)]
pub struct Actor {
    pub uid: ProcessUid,
    pub pid: u32,
    pub lineage: Arc<[ProcessUid]>,
    pub now_ns: u64,
}

struct Known {
    /// Who had it open for writing last.
    writer: ProcessUid,
    pre: Arc<PreImage>,
}

pub struct Deeds {
    pub pack: Pack,
    bytes_max: u64,
    all: VecDeque<Deed>,
    known: HashMap<FileId, Known>,
    /// Subtrees whose pre-images are not given up.
    pub held: HashSet<ProcessUid>,
    next: u64,
    pub evicted: u64,
    /// Not kept, and why is with each.
    pub too_large: u64,
}

impl Deeds {
    pub fn new(pack: Pack, bytes_max: u64) -> Self {
        Self {
            pack,
            bytes_max,
            all: VecDeque::new(),
            known: HashMap::new(),
            held: HashSet::new(),
            next: 1,
            evicted: 0,
            too_large: 0,
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Deed> {
        self.all.iter()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The file may be written from now on. Once for each process, unless somebody else wrote meanwhile.
    pub fn written(&mut self, actor: &Actor, path: &Path) -> Option<Arc<PreImage>> {
        let stamp = Stamp::at(path)?;
        let known = self
            .known
            .get(&stamp.id)
            .filter(|known| known.writer == actor.uid);
        if let Some(known) = known {
            return Some(Arc::clone(&known.pre));
        }
        let pre = self.pre_image(path, &stamp, false)?;
        self.remember(stamp.id, actor, &pre);
        self.add(actor, path, What::Written(Arc::clone(&pre)));
        Some(pre)
    }

    pub fn created(&mut self, actor: &Actor, path: &Path) {
        self.add(actor, path, What::Created);
    }

    /// The name is to go.
    pub fn removed(&mut self, actor: &Actor, path: &Path) -> Option<Arc<PreImage>> {
        let pre = self.pre_image(path, &Stamp::at(path)?, true)?;
        // Its number may be another file's soon.
        self.known.remove(&pre.stamp.id);
        self.add(actor, path, What::Removed(Arc::clone(&pre)));
        Some(pre)
    }

    /// What it takes the place of.
    pub fn renamed(
        &mut self,
        actor: &Actor,
        (from, to): (&Path, &Path),
        exchange: bool,
    ) -> Option<Arc<PreImage>> {
        let id = Stamp::at(from)?.id;
        let replaced = Stamp::at(to)
            .filter(|stamp| !exchange && stamp.id != id)
            .and_then(|stamp| self.pre_image(to, &stamp, true));
        if let Some(pre) = &replaced {
            self.known.remove(&pre.stamp.id);
        }
        let what = What::Renamed {
            to: to.to_owned(),
            id,
            replaced: replaced.clone(),
            exchange,
        };
        self.add(actor, from, what);
        replaced
    }

    pub fn attributes(&mut self, actor: &Actor, path: &Path) {
        if let Some((id, before)) = Attributes::at(path) {
            self.add(actor, path, What::Attributes(id, before));
        }
    }

    /// The one that is there already serves when the file is still what it was.
    fn pre_image(&mut self, path: &Path, stamp: &Stamp, goes: bool) -> Option<Arc<PreImage>> {
        let known = self.known.get(&stamp.id).map(|known| &known.pre);
        if let Some(pre) = known.filter(|pre| pre.stamp == *stamp) {
            return Some(Arc::clone(pre));
        }
        let pre = PreImage::take(path, &mut self.pack, goes)?;
        if matches!(pre.content, Content::Lost(_)) {
            self.too_large += 1;
        }
        Some(Arc::new(pre))
    }

    fn remember(&mut self, id: FileId, actor: &Actor, pre: &Arc<PreImage>) {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let pre = Arc::clone(pre);
        self.known.insert(
            id,
            Known {
                writer: actor.uid,
                pre,
            },
        );
    }

    fn add(&mut self, actor: &Actor, path: &Path, what: What) {
        self.all.push_back(Deed {
            number: self.next,
            time_ns: actor.now_ns,
            actor: actor.uid,
            lineage: Arc::clone(&actor.lineage),
            path: path.to_owned(),
            what,
        });
        self.next += 1;
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.all.len() > DEEDS_MAX {
            let held = |deed: &Deed| deed.lineage.iter().any(|uid| self.held.contains(uid));
            let at = self.all.iter().position(|deed| !held(deed)).unwrap_or(0);
            self.all.remove(at);
            self.evicted += 1;
        }
        if self.is_full(10) {
            self.evict();
        }
    }

    /// More than `tenths` tenths are taken, of the pack or of all that may be kept.
    fn is_full(&self, tenths: u64) -> bool {
        let (shared, own) = (self.pack.bytes(), self.pack.own_bytes());
        shared > self.bytes_max / 10 * tenths || shared + own > self.total_max() / 10 * tenths
    }

    /// Bytes, wherever they lie.
    pub fn total_max(&self) -> u64 {
        self.bytes_max.max(self.pack.own_max)
    }

    /// The oldest contents go until a tenth is free: of what is held only when nothing else is left.
    fn evict(&mut self) {
        self.known.clear();
        for with_held in [false, true] {
            for at in 0..self.all.len() {
                if !self.is_full(9) {
                    return;
                }
                let pack_is_full = self.pack.bytes() > self.bytes_max / 10 * 9;
                let held = &self.held;
                let deed = &mut self.all[at];
                let is_held = deed.lineage.iter().any(|uid| held.contains(uid));
                let gives_room = deed.pre_image().is_some_and(|pre| match &pre.content {
                    Content::File(blob) => blob.size > 0 && (!pack_is_full || !blob.is_apart()),
                    _ => false,
                });
                if is_held != with_held || !gives_room {
                    continue;
                }
                self.evicted += 1;
                give_up(deed);
            }
        }
    }

    /// Undone, or of no interest any more.
    pub fn drop_of(&mut self, numbers: &HashSet<u64>) {
        self.all.retain(|deed| !numbers.contains(&deed.number));
        self.known.clear();
    }
}

fn give_up(deed: &mut Deed) {
    let slot = match &mut deed.what {
        What::Written(pre) | What::Removed(pre) => pre,
        What::Renamed {
            replaced: Some(pre), ..
        } => pre,
        _ => return,
    };
    *slot = Arc::new(PreImage {
        stamp: slot.stamp,
        links: slot.links,
        attributes: slot.attributes.clone(),
        content: Content::Lost("evicted: pre-images had no room left"),
        shape: slot.shape,
    });
}
