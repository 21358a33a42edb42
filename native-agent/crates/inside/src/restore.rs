//! Undoes deeds, newest first, so that each is undone in the state that it left behind.
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_events::{ContainerId, ProcessUid};
use norn_vault::{Extent, RestoreReport, RestoreRequest};

use crate::deeds::{Deed, Deeds, What};
use crate::pack::Blob;
use crate::preimage::{Content, FileId, PreImage, Stamp, is_own};

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
    deeds.drop_of(&done);
    RestoreReport {
        id: request.id.unwrap_or(ProcessUid::UNKNOWN),
        files: undo.verdicts(container),
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
struct Undo {
    judged: HashMap<PathBuf, Judged>,
    /// Where the content of an inode that is gone lies now.
    remade: HashMap<FileId, PathBuf>,
}

impl Undo {
    fn undo(&mut self, deed: &Deed) {
        let (result, change) = match &deed.what {
            What::Written(pre) => (self.put_back(&deed.path, pre), "in-place"),
            What::Removed(pre) => (self.remake(&deed.path, pre), "unlinked"),
            What::Created => (remove(&deed.path), "created"),
            What::Attributes(before) => {
                // Of a directory they change with every entry.
                if before.are_at(&deed.path, !deed.path.is_dir()) {
                    (Ok(Verdict::Unchanged), "metadata")
                } else {
                    let is_link = deed.path.is_symlink();
                    (
                        before.put(&deed.path, is_link).map(|()| Verdict::Restored),
                        "metadata",
                    )
                }
            }
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

    fn put_back(&mut self, path: &Path, pre: &PreImage) -> io::Result<Verdict> {
        let Some(now) = Stamp::at(path) else {
            return self.remake(path, pre);
        };
        if now == pre.stamp {
            return Ok(Verdict::Unchanged);
        }
        let blob = match &pre.content {
            Content::File(blob) => blob,
            Content::Lost(reason) => return Err(io::Error::other(*reason)),
            Content::Link(_) | Content::Directory | Content::Special => return Ok(Verdict::Unchanged),
        };
        // Not by size and time: whoever wrote may have set the time back.
        let is_same = holds(path, blob);
        if is_same && pre.attributes.are_at(path, true) {
            return Ok(Verdict::Unchanged);
        }
        if !is_same {
            write_content(path, blob)?;
        }
        pre.attributes.put(path, false)?;
        Ok(Verdict::Restored)
    }

    fn remake(&mut self, path: &Path, pre: &PreImage) -> io::Result<Verdict> {
        if let Some(now) = Stamp::at(path) {
            if now.id == pre.stamp.id {
                return Ok(Verdict::Unchanged);
            }
            return Err(io::Error::other("another file has its name now"));
        }
        if pre.links > 1 && !matches!(pre.content, Content::Directory) {
            let twin = self.remade.get(&pre.stamp.id).cloned();
            if let Some(twin) = twin.or_else(|| beside(path, pre.stamp.id)) {
                fs::hard_link(twin, path)?;
                return self.put_back(path, pre).map(|_| Verdict::Restored);
            }
        }
        match &pre.content {
            Content::File(blob) => {
                let file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)?;
                blob.write_to(&file)?;
            }
            Content::Link(target) => std::os::unix::fs::symlink(target, path)?,
            Content::Directory => fs::DirBuilder::new().mode(0o700).create(path)?,
            Content::Special => return Err(io::Error::other("a device, fifo or socket is not made again")),
            Content::Lost(reason) => return Err(io::Error::other(*reason)),
        }
        self.remade.insert(pre.stamp.id, path.to_owned());
        pre.attributes
            .put(path, matches!(pre.content, Content::Link(_)))?;
        Ok(Verdict::Restored)
    }

    fn rename_back(&mut self, deed: &Deed) -> io::Result<Verdict> {
        let What::Renamed {
            to,
            id,
            replaced,
            exchange,
        } = &deed.what
        else {
            return Ok(Verdict::Unchanged);
        };
        let is_there = Stamp::at(to).is_some_and(|now| now.id == *id)
            || self.remade.get(id).is_some_and(|remade| remade == to);
        if !is_there {
            let never_was = Stamp::at(&deed.path).is_some_and(|now| now.id == *id);
            return match never_was {
                true => Ok(Verdict::Unchanged),
                false => Err(io::Error::other("what it was renamed to is gone")),
            };
        }
        let flags = match exchange {
            true => RenameFlags::RENAME_EXCHANGE,
            false => RenameFlags::RENAME_NOREPLACE,
        };
        renameat2(AT_FDCWD, to, AT_FDCWD, &deed.path, flags)?;
        if let Some(judged) = self.judged.remove(to) {
            self.judged.insert(deed.path.clone(), judged);
        }
        if let Some(remade) = self.remade.get_mut(id) {
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

    fn verdicts(self, container: Option<&ContainerId>) -> Vec<FileVerdict> {
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

fn remove(path: &Path) -> io::Result<Verdict> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(Verdict::Unchanged),
        Ok(found) if found.is_dir() => fs::remove_dir(path).map(|()| Verdict::Removed),
        Ok(_) => fs::remove_file(path).map(|()| Verdict::Removed),
    }
}

fn holds(path: &Path, blob: &Blob) -> bool {
    File::open(path).is_ok_and(|file| blob.is_in(&file).unwrap_or(false))
}

/// In place, so that other names and open descriptors keep the file.
fn write_content(path: &Path, blob: &Blob) -> io::Result<()> {
    let open = || {
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NOCTTY)
            .open(path)
    };
    let file = match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let metadata = fs::symlink_metadata(path)?;
            if !is_own(&metadata) {
                return Err(error);
            }
            fs::set_permissions(path, Permissions::from_mode(metadata.mode() | 0o200))?;
            open()?
        }
        result => result?,
    };
    blob.write_to(&file)
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
