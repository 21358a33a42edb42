//! Files that are only deleted: ordinary for whatever came with the system, and for whoever deletes whole directories or
//! what it made itself; not for a program that has just come and picks files of many kinds, or documents all over a tree, or has
//! another program do so.
use std::collections::{HashSet, VecDeque};

use norn_events::{ContentFormat, ProcessIndex, ProcessUid};

use super::blame::Actor;
use super::evidence::Harm;
use super::names::hash_of;
use super::passing::{is_passing, is_remade};
use super::score::{Exhibit, Piece};
use super::trust::{is_stranger, teller_of};
use crate::Context;
use norn_programs::lineage::{directory, does_as_told, is_foreign, is_in_system_directory, kind};

/// Weight of one file.
const WEIGHT: f32 = 0.55;
/// After a longer pause counting begins anew: a session's programs delete a file now and then, ns.
const PAUSE_MAX_NS: u64 = 60_000_000_000;
/// Files of one lineage that are looked at together, the latest.
const WINDOW: usize = 128;

/// What must have gone before deletions count: fewer files are housekeeping; logs, caches and backups are of one kind or two.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    files: usize,
    /// Endings of names.
    kinds: usize,
    /// Formats by content.
    formats: u32,
    directories: usize,
    /// Counts documents alone, which nobody makes again.
    documents: bool,
}

/// For a program that nobody brought here but lately. Fewer kinds ask for more files, in more places, and for documents: who
/// prunes backups or pictures does it in one directory, and what is generated has other endings.
const NEWCOMER: [Bar; 3] = [any(8, 3, 1), documents(12, 2, 3), documents(16, 1, 8)];
/// For one that lies where programs lie, in no package, and was started in a container from outside of it: it may be there to
/// clear away, but not documents, pictures and archives alike.
const STRANGER: [Bar; 1] = [any(12, 5, 3)];
/// For a program that came as lately to where packages put theirs, in none of them. Administrators' tools come so, and what a company
/// runs itself: it asks for twice as many documents, and of all else for what it asks of a stranger.
const INSTALLED: [Bar; 4] = [
    documents(16, 3, 1),
    documents(24, 2, 3),
    documents(32, 1, 8),
    STRANGER[0],
];
/// For what such programs have `rm`, `find` or a script delete. A scheduler that came today starts the same jobs as yesterday's.
const TOLD: [Bar; 1] = [documents(64, 3, 3)];

const fn any(files: usize, kinds: usize, formats: u32) -> Bar {
    let directories = 1;
    Bar {
        formats,
        documents: false,
        ..documents(files, kinds, directories)
    }
}

const fn documents(files: usize, kinds: usize, directories: usize) -> Bar {
    Bar {
        files,
        kinds,
        formats: 1,
        directories,
        documents: true,
    }
}

/// What must have gone before it counts against whoever deletes, and from where in its chain on: what a program of nobody's has others
/// delete is its own deed. `None` for whom deleting is ordinary.
pub fn bars(
    actor: &Actor,
    index: ProcessIndex,
    context: &mut Context<'_>,
) -> Option<(&'static [Bar], usize)> {
    if let Some(bars) = newcomers(index, context) {
        return Some((bars, 0));
    }
    if is_stranger(actor, index, context) {
        return Some((&STRANGER, 0));
    }
    let (at, teller) = teller_of(actor, context)?;
    newcomers(teller, context).map(|_| (&TOLD[..], at))
}

/// `None` for who does another's bidding, or did not come to this host lately.
fn newcomers(index: ProcessIndex, context: &mut Context<'_>) -> Option<&'static [Bar]> {
    let process = context
        .processes
        .get(index)
        .filter(|process| !does_as_told(process))?;
    if !is_in_system_directory(process) {
        return (is_foreign(process) || context.provenance.is_new(process)).then_some(&NEWCOMER);
    }
    // An image's own programs are as new as the image is on this host.
    (process.container.is_none() && context.provenance.came_past_packages(process)).then_some(&INSTALLED)
}

/// Ends of names that people give to what they write, draw and record, lower case. Not archives, dumps, sources, configuration:
/// programs make those, and prune them.
const DOCUMENTS: [&str; 44] = [
    "doc", "docx", "docm", "dot", "odt", "rtf", "txt", "md", "tex", "pages", "pdf", "epub", "xls", "xlsx",
    "xlsm", "ods", "csv", "tsv", "numbers", "ppt", "pptx", "odp", "key", "vsd", "vsdx", "odg", "one", "mdb",
    "accdb", "psd", "ai", "dwg", "dxf", "jpg", "jpeg", "heic", "tif", "tiff", "png", "mp3", "mp4", "mov",
    "eml", "pst",
];
/// Parts of folders' names below which pictures and texts are copies of others.
const COPIES: [&str; 3] = ["cache", "thumb", "preview"];

/// A deleted file.
#[derive(Debug)]
pub struct Removed {
    pub format: ContentFormat,
    pub time_ns: u64,
    /// Who did it, and who may be blamed for it.
    pub chain: Vec<ProcessUid>,
    pub exhibit: Exhibit,
}

impl Removed {
    pub fn piece(&self) -> Piece {
        Piece {
            weight: WEIGHT,
            files: 1,
            harm: Some(Harm::Removed),
            proven: false,
            time_ns: self.time_ns,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    kind: u64,
    directory: u64,
    format: ContentFormat,
    document: bool,
    /// None when it has counted.
    file: Option<Removed>,
}

impl Waiting {
    fn new(file: Removed) -> Self {
        let path = &file.exhibit.path;
        Self {
            kind: hash_of(kind(path)),
            directory: hash_of(directory(path)),
            format: file.format,
            document: is_document(path),
            file: Some(file),
        }
    }
}

/// Deletions of one lineage.
#[derive(Debug, Default)]
pub struct Removals {
    waiting: VecDeque<Waiting>,
    last_ns: u64,
}

impl Removals {
    /// Those that count by now.
    pub fn add(&mut self, file: Removed, bars: &[Bar]) -> Vec<Removed> {
        if is_remade(&file.exhibit.path) {
            return Vec::new();
        }
        if self.last_ns + PAUSE_MAX_NS < file.time_ns {
            self.forget();
        }
        self.last_ns = file.time_ns;
        if self.waiting.len() >= WINDOW {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting::new(file));
        let reached = bars.iter().find(|bar| self.reaches(bar));
        reached.map_or_else(Vec::new, |bar| {
            let counted = self.waiting.iter_mut().filter(|file| bar.counts(file));
            counted.filter_map(|file| file.file.take()).collect()
        })
    }

    fn reaches(&self, bar: &Bar) -> bool {
        let counted = || self.waiting.iter().filter(|file| bar.counts(file));
        let formats = counted().fold(0_u32, |all, file| all | 1 << file.format as u32);
        let kinds: HashSet<u64> = counted().map(|file| file.kind).collect();
        let directories: HashSet<u64> = counted().map(|file| file.directory).collect();
        counted().count() >= bar.files
            && kinds.len() >= bar.kinds
            && formats.count_ones() >= bar.formats
            && directories.len() >= bar.directories
    }

    /// A directory went too: a whole tree is being cleared away.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Bar {
    fn counts(&self, file: &Waiting) -> bool {
        file.document || !self.documents
    }
}

/// Somebody's work, by its name, and not where copies of such are kept.
fn is_document(path: &[u8]) -> bool {
    let ending = kind(path).get(1..).unwrap_or_default().to_ascii_lowercase();
    let folders = directory(path).to_ascii_lowercase();
    let lies_below = |part: &&str| folders.windows(part.len()).any(|at| at == part.as_bytes());
    DOCUMENTS.iter().any(|known| known.as_bytes() == ending)
        && !is_passing(path)
        && !COPIES.iter().any(lies_below)
}

#[cfg(test)]
#[path = "removals_tests.rs"]
mod tests;
