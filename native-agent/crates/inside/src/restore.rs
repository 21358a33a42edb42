//! Undoes deeds, newest first, so that each is undone in the state that it left behind.
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use norn_aside::{Aside, Staged};
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_events::{ContainerId, ProcessUid};
use norn_restore::{Extent, RestoreReport, RestoreRequest};

use crate::deeds::{Deed, Deeds, What};
use crate::pack::Blob;
use crate::preimage::{Attributes, Content, FileId, PreImage, Stamp, held, metadata_of, writable};
use crate::privilege::{copy_privileged, entrust};
use crate::second_look::{Expectations, holds};
use crate::spot::{Spot, disturbed, is_disturbed, seal};

/// Undoes what the request names; what is undone is forgotten.
pub fn restore(
    deeds: &mut Deeds,
    request: &RestoreRequest,
    container: Option<&ContainerId>,
) -> RestoreReport {
    let begun = Instant::now();
    let chosen = choose(deeds, request);
    let outsiders = outsiders(deeds, &chosen);
    let mut undo = Undo::default();
    let mut done = HashSet::new();
    for deed in deeds.iter().rev().filter(|deed| chosen.contains(&deed.number)) {
        let decided = request.over_conflicts && is_named(deed, &request.paths);
        if !decided && outsiders.come_after(deed) {
            undo.conflict(deed);
            continue;
        }
        undo.undo(deed);
        done.insert(deed.number);
    }
    let files = undo.verdicts(container);
    deeds.drop_of(&done);
    RestoreReport {
        id: request.id.unwrap_or(ProcessUid::UNKNOWN),
        files,
        elapsed_ms: begun.elapsed().as_millis() as u64,
    }
}

fn choose(deeds: &Deeds, request: &RestoreRequest) -> HashSet<u64> {
    let of_scopes = |deed: &&Deed| request.scopes.is_empty() || deed.is_by(&request.scopes);
    let since_ns = request.since_ns.unwrap_or(0);
    let recent = || deeds.iter().filter(|deed| deed.time_ns >= since_ns);
    let first = recent().find(of_scopes).map_or(u64::MAX, |deed| deed.number);
    let is_meant = |deed: &&Deed| match request.extent {
        Extent::Processes => of_scopes(deed),
        Extent::Container => deed.number >= first,
    };
    recent().filter(is_meant).map(|deed| deed.number).collect()
}

fn is_named(deed: &Deed, paths: &[String]) -> bool {
    paths.is_empty()
        || deed.paths().any(|path| {
            paths
                .iter()
                .any(|named| named.as_bytes() == path.as_os_str().as_bytes())
        })
}

/// The last that others did to names and files.
struct Outsiders {
    names: HashMap<PathBuf, u64>,
    files: HashMap<FileId, u64>,
}

fn outsiders(deeds: &Deeds, chosen: &HashSet<u64>) -> Outsiders {
    let mut outsiders = Outsiders {
        names: HashMap::new(),
        files: HashMap::new(),
    };
    for deed in deeds.iter().filter(|deed| !chosen.contains(&deed.number)) {
        for path in deed.paths() {
            outsiders.names.insert(path.to_owned(), deed.number);
        }
        if let Some(file) = deed.file() {
            outsiders.files.insert(file, deed.number);
        }
    }
    outsiders
}

impl Outsiders {
    fn come_after(&self, deed: &Deed) -> bool {
        let by_name = deed.paths().filter_map(|path| self.names.get(path)).max();
        let by_file = deed.file().and_then(|file| self.files.get(&file));
        by_name.max(by_file).is_some_and(|&number| number > deed.number)
    }
}

struct Judged {
    verdict: Verdict,
    reason: String,
    change: &'static str,
    actor: ProcessUid,
    time_ns: u64,
}

#[derive(Default)]
struct Undo<'a> {
    judged: HashMap<PathBuf, Judged>,
    expected: Expectations<'a>,
    /// Where the content of an inode that is gone lies now, and which inode that is.
    remade: HashMap<FileId, (PathBuf, FileId)>,
}

impl<'a> Undo<'a> {
    fn undo(&mut self, deed: &'a Deed) {
        let (result, change) = match &deed.what {
            What::Written(pre) => (self.put_back(&deed.path, pre), "in-place"),
            What::Removed(pre) => (self.remake(&deed.path, pre), "unlinked"),
            What::Created => (self.remove(&deed.path), "created"),
            What::Attributes(id, before) => (self.put_attributes(&deed.path, (*id, before)), "metadata"),
            What::Renamed { .. } => (self.rename_back(deed), "renamed"),
        };
        self.judge(deed, change, result);
    }

    fn conflict(&mut self, deed: &Deed) {
        self.judged.insert(
            deed.path.clone(),
            Judged {
                verdict: Verdict::Conflict,
                reason: "somebody else changed it later".to_owned(),
                change: "in-place",
                actor: deed.actor,
                time_ns: deed.time_ns,
            },
        );
    }

    /// The oldest deed of a name says what became of it; a loss is not forgotten over it.
    fn judge(&mut self, deed: &Deed, change: &'static str, result: io::Result<Verdict>) {
        let (verdict, reason) = match result {
            Ok(verdict) => (verdict, String::new()),
            Err(error) if is_disturbed(&error) => (Verdict::Conflict, error.to_string()),
            Err(error) => (Verdict::Lost, error.to_string()),
        };
        let before = self.judged.get(&deed.path).map(|judged| judged.verdict);
        let stays = match before {
            Some(Verdict::Lost | Verdict::Conflict) => true,
            Some(Verdict::Restored) => verdict == Verdict::Unchanged,
            _ => false,
        };
        if stays || (before.is_none() && verdict == Verdict::Unchanged && matches!(deed.what, What::Created))
        {
            return;
        }
        self.judged.insert(
            deed.path.clone(),
            Judged {
                verdict,
                reason,
                change,
                actor: deed.actor,
                time_ns: deed.time_ns,
            },
        );
    }

    fn put_back(&mut self, path: &Path, pre: &'a PreImage) -> io::Result<Verdict> {
        let spot = Spot::of(path)?;
        let Some(node) = spot.node()? else {
            return self.remake(path, pre);
        };
        let metadata = metadata_of(&node)?;
        if Stamp::of(&metadata) == pre.stamp {
            return Ok(Verdict::Unchanged);
        }
        if !self.is_own(pre.stamp.id, &metadata) {
            return Err(disturbed());
        }
        let blob = match &pre.content {
            Content::File(blob) => blob,
            Content::Lost(reason) => return Err(io::Error::other(*reason)),
            Content::Link(_) | Content::Directory | Content::Special => return Ok(Verdict::Unchanged),
        };
        // Not by size and time: whoever wrote may have set the time back.
        let is_same = holds(&node, blob);
        if is_same && pre.attributes.are_of(&node, true) {
            self.expected.file(path, &node, pre)?;
            return Ok(Verdict::Unchanged);
        }
        if pre.attributes.are_privileged() && metadata.nlink() == 1 {
            // Whoever could change a program may still have it open or mapped.
            let made = make_file(&spot, (blob, pre), Some(&node))?;
            return self.note_made(path, pre, &made);
        }
        if !is_same {
            // In place, so that other names and open descriptors keep the file.
            blob.write_to(&writable(&node)?)?;
        }
        pre.attributes.put(&node)?;
        match pre.attributes.are_privileged() {
            true => entrust(&spot, &node, (Some(blob), &pre.attributes))?,
            false => finish(&spot, &node, (blob, pre))?,
        }
        self.expected.file(path, &node, pre)?;
        Ok(Verdict::Restored)
    }

    fn remake(&mut self, path: &Path, pre: &'a PreImage) -> io::Result<Verdict> {
        let spot = Spot::of(path)?;
        if let Some(now) = spot.node()? {
            if Stamp::of(&metadata_of(&now)?).id == pre.stamp.id {
                return Ok(Verdict::Unchanged);
            }
            return Err(io::Error::other("another file has its name now"));
        }
        if pre.links > 1 && !matches!(pre.content, Content::Directory) {
            let twin = self.remade.get(&pre.stamp.id).cloned();
            let twin = twin.or_else(|| Some((beside(path, pre.stamp.id)?, pre.stamp.id)));
            if let Some((twin, id)) = twin
                && let Ok(node) = held(&twin)
                && Stamp::of(&metadata_of(&node)?).id == id
            {
                let aside = spot.aside()?;
                spot.give(&aside, &aside.link(&node)?, None)?;
                return self.put_back(path, pre).map(|_| Verdict::Restored);
            }
        }
        let made = match &pre.content {
            Content::File(blob) => make_file(&spot, (blob, pre), None)?,
            Content::Link(target) => {
                let target = std::ffi::CString::new(target.as_os_str().as_bytes())?;
                make(&spot, pre, |aside| aside.symbolic_link(&target))?
            }
            Content::Directory => make(&spot, pre, |aside| aside.directory(0o700))?,
            Content::Special => return Err(io::Error::other("a device, fifo or socket is not made again")),
            Content::Lost(reason) => return Err(io::Error::other(*reason)),
        };
        self.note_made(path, pre, &made)
    }

    /// What older deeds did with the inode that is gone is undone with this one.
    fn note_made(&mut self, path: &Path, pre: &'a PreImage, made: &OwnedFd) -> io::Result<Verdict> {
        let id = Stamp::of(&metadata_of(made)?).id;
        self.remade.insert(pre.stamp.id, (path.to_owned(), id));
        self.expected.file(path, made, pre)?;
        Ok(Verdict::Restored)
    }

    fn rename_back(&mut self, deed: &'a Deed) -> io::Result<Verdict> {
        let What::Renamed {
            to,
            id,
            replaced,
            exchange,
        } = &deed.what
        else {
            return Ok(Verdict::Unchanged);
        };
        let (from, back) = (Spot::of(to)?, Spot::of(&deed.path)?);
        let found = from.node()?;
        let is = |id: FileId| {
            let node = found.as_ref()?;
            Some(Stamp::of(&metadata_of(node).ok()?).id == id)
        };
        let remade = self.remade.get(id).filter(|(remade, _)| remade == to);
        let is_there = is(*id) == Some(true) || remade.is_some_and(|(_, id)| is(*id) == Some(true));
        let Some(found) = found.as_ref().filter(|_| is_there) else {
            let never_was = Stamp::at(&deed.path).is_some_and(|now| now.id == *id);
            return match never_was {
                true => Ok(Verdict::Unchanged),
                false => Err(io::Error::other("what it was renamed to is gone")),
            };
        };
        from.move_to(&back, found, *exchange)?;
        self.expected.moved((to, &deed.path), found, *exchange)?;
        if let Some(judged) = self.judged.remove(to) {
            self.judged.insert(deed.path.clone(), judged);
        }
        if let Some((remade, _)) = self.remade.get_mut(id) {
            deed.path.clone_into(remade);
        }
        if let Some(pre) = replaced {
            let result = self.remake(to, pre);
            let of_target = Deed {
                path: to.clone(),
                lineage: deed.lineage.clone(),
                what: What::Created,
                ..*deed
            };
            self.judge(&of_target, "replaced", result);
        }
        Ok(Verdict::Restored)
    }

    fn remove(&mut self, path: &Path) -> io::Result<Verdict> {
        self.expected.gone(path);
        let Ok(spot) = Spot::of(path) else {
            return Ok(Verdict::Unchanged);
        };
        match spot.node()? {
            None => Ok(Verdict::Unchanged),
            Some(node) => spot.remove(&node).map(|()| Verdict::Removed),
        }
    }

    /// It is the file itself, or what was made in its place.
    fn is_own(&self, id: FileId, found: &fs::Metadata) -> bool {
        let now = Stamp::of(found).id;
        now == id || self.remade.get(&id).is_some_and(|&(_, made)| made == now)
    }

    fn put_attributes(&mut self, path: &Path, (id, before): (FileId, &Attributes)) -> io::Result<Verdict> {
        let spot = Spot::of(path)?;
        let node = spot.node()?.ok_or(io::ErrorKind::NotFound)?;
        let metadata = metadata_of(&node)?;
        if !self.is_own(id, &metadata) {
            return Err(disturbed());
        }
        // Of a directory they change with every entry.
        if before.are_of(&node, !metadata.is_dir()) {
            return Ok(Verdict::Unchanged);
        }
        before.put(&node)?;
        if !spot.leads_to(&node) {
            return Err(disturbed());
        }
        if metadata.is_file() && before.are_privileged() {
            // Its content is somebody else's, or nobody's.
            let known = self.judged.get(path).map(|judged| judged.verdict);
            if matches!(known, Some(Verdict::Conflict | Verdict::Lost)) {
                return Err(disturbed());
            }
            let content = self.expected.content(path);
            if metadata.nlink() == 1 {
                // As a program that was written to: who could do so may have it mapped.
                let made = copy_privileged(&spot, &node, (content, before))?;
                let made_id = Stamp::of(&metadata_of(&made)?).id;
                self.remade.insert(id, (path.to_owned(), made_id));
                self.expected.replaced(path, &made, content)?;
                return Ok(Verdict::Restored);
            }
            entrust(&spot, &node, (content, before))?;
        }
        self.expected.attributes(path, &node)?;
        Ok(Verdict::Restored)
    }

    /// Names were given and taken since they were judged.
    fn look_again(&mut self) {
        for (path, judged) in &mut self.judged {
            if judged.verdict == Verdict::Restored && !self.expected.is_met(path) {
                judged.verdict = Verdict::Conflict;
                judged.reason = disturbed().to_string();
            }
        }
    }

    fn verdicts(mut self, container: Option<&ContainerId>) -> Vec<FileVerdict> {
        self.look_again();
        let mut verdicts: Vec<FileVerdict> = self
            .judged
            .into_iter()
            .map(|(path, judged)| verdict(&path, judged, container))
            .collect();
        verdicts.sort_by(|one, other| one.path.cmp(&other.path));
        verdicts
    }
}

fn verdict(path: &Path, judged: Judged, container: Option<&ContainerId>) -> FileVerdict {
    let now = fs::symlink_metadata(path).ok();
    let of = |read: fn(&fs::Metadata) -> u32| now.as_ref().map_or(0, read);
    FileVerdict {
        path: path.as_os_str().as_bytes().to_vec(),
        container_id: container.map(|id| id.to_string()).unwrap_or_default(),
        verdict: judged.verdict.into(),
        reason: judged.reason,
        change: judged.change.to_owned(),
        size: now.as_ref().map_or(0, fs::Metadata::len),
        mode: of(|now| now.permissions().mode()),
        user_id: of(MetadataExt::uid),
        group_id: of(MetadataExt::gid),
        modified_at_us: now.as_ref().map_or(0, |now| {
            (now.mtime() * 1_000_000 + now.mtime_nsec() / 1_000) as u64
        }),
        changed_at_us: judged.time_ns / 1_000,
        process_uid: judged.actor.0.to_vec(),
        ..FileVerdict::default()
    }
}

/// What is made gets its name when it is complete.
fn make(spot: &Spot, pre: &PreImage, make: impl FnOnce(&Aside) -> io::Result<Staged>) -> io::Result<OwnedFd> {
    let aside = spot.aside()?;
    let staged = make(&aside)?;
    let put = pre.attributes.put(&staged.file);
    spot.give(&aside, &staged, None)?;
    put.map(|()| staged.file)
}

/// One descriptor leads from the file's birth to its verdict. `there` has its name, and goes.
fn make_file(spot: &Spot, (blob, pre): (&Blob, &PreImage), there: Option<&OwnedFd>) -> io::Result<OwnedFd> {
    let aside = spot.aside()?;
    let staged = aside.file()?;
    let file = fs::File::from(staged.file.try_clone()?);
    let put = blob
        .write_to(&file)
        .and_then(|()| pre.attributes.put(&staged.file));
    match put {
        // Without the right to give it its owner it is there all the same.
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
            aside.discard(&staged)?;
            return Err(error);
        }
        put => {
            tracing::trace!(step = "it is complete and has no name yet");
            spot.give(&aside, &staged, there)?;
            put?;
        }
    }
    if pre.attributes.are_privileged() && metadata_of(&staged.file)?.nlink() > 1 {
        return Err(disturbed());
    }
    finish(spot, &staged.file, (blob, pre))?;
    Ok(staged.file)
}

/// A program is more than who starts it only when its name leads to it and its content is right.
fn finish(spot: &Spot, node: &OwnedFd, (blob, pre): (&Blob, &PreImage)) -> io::Result<()> {
    let is_right = || spot.leads_to(node) && holds(node, blob);
    tracing::trace!(step = "it has its name and its content");
    if pre.attributes.are_privileged() {
        if !is_right() {
            return Err(disturbed());
        }
        tracing::trace!(step = "it becomes privileged");
        pre.attributes.put_privileges(node)?;
        tracing::trace!(step = "it is privileged");
    }
    seal(node, is_right() && pre.attributes.are_of(node, true))
}

/// Another name of the inode, in the same directory.
fn beside(path: &Path, id: FileId) -> Option<PathBuf> {
    let entries = fs::read_dir(path.parent()?).ok()?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|other| Stamp::at(other).is_some_and(|stamp| stamp.id == id))
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
