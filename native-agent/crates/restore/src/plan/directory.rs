//! A directory that got another name, and what else has its own now.
use norn_events::ProcessUid;
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::Time;
use norn_os::paths::{below, join};

/// One that the scope gave another name.
#[derive(Debug)]
pub struct Directory {
    pub place: PlaceId,
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub key: Option<FileKey>,
    /// What the scope made under the name `to` since, or exchanged this one for: the two change places.
    pub made: Option<FileKey>,
    /// The two were exchanged, also when it is not known for what; one of them may be a file.
    pub is_exchange: bool,
    /// Nobody changed it back since.
    pub is_in_force: bool,
    /// What the process called `to`.
    pub seen: Vec<u8>,
    pub time: Time,
    pub process: ProcessUid,
}

impl Directory {
    /// Where a name in the directory, or of it, goes; with what was made in its place, that too.
    pub fn other(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Self { from, to, .. } = self;
        let is_it = |from: &[u8], to: &[u8]| (path == from).then(|| to.to_vec());
        let there = || self.change_places().then(|| is_it(to, from))?;
        is_it(from, to).or_else(there).or_else(|| self.inside(path))
    }

    pub fn inside(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Self { from, to, .. } = self;
        let moved = |from: &[u8], to: &[u8]| below(path, from).map(|rest| join(to, rest));
        let there = || self.change_places().then(|| moved(to, from))?;
        moved(from, to).or_else(there)
    }

    /// The name that `other` gave another.
    pub fn back(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Self { from, to, .. } = self;
        match self.is_exchange {
            true => self.other(path),
            false if path == to => Some(from.clone()),
            false => below(path, to).map(|rest| join(from, rest)),
        }
    }

    fn change_places(&self) -> bool {
        self.is_exchange || self.made.is_some()
    }
}
