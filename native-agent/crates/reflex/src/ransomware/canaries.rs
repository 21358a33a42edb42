//! Files that exist to be touched by an attack alone: the first change of one is enough.
use std::collections::HashSet;

use norn_events::{ChangeKind, ContentChange};

use super::blame::THRESHOLD;
use super::score::Exhibit;

/// Enough by itself.
pub const WEIGHT: f32 = THRESHOLD;

#[derive(Debug, Default)]
pub struct Canaries {
    paths: HashSet<Vec<u8>>,
    names: HashSet<Vec<u8>>,
}

impl Canaries {
    /// A path, as the process that touches it sees it; or a name, of a file anywhere.
    pub fn new(files: Vec<Vec<u8>>) -> Self {
        let (paths, names) = files.into_iter().partition(|file| file.contains(&b'/'));
        Self { paths, names }
    }

    pub fn has(&self, path: &[u8]) -> bool {
        let name = || path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        self.paths.contains(path) || (!self.names.is_empty() && self.names.contains(name()))
    }

    /// Its content or its name went; who looks at it, makes it or sets its mode does no harm.
    pub fn is_touched(&self, change: &ContentChange) -> bool {
        let harms = !matches!(change.kind, ChangeKind::Created | ChangeKind::Metadata);
        harms && self.has(&change.path)
    }
}

pub fn exhibit(path: &[u8]) -> Exhibit {
    Exhibit {
        path: path.to_vec(),
        what: "a canary, which nobody but an attack changes".to_owned(),
    }
}
