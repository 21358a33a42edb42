//! What a name in a place is to be again.
use norn_events::ProcessUid;
use norn_journal::file::{FileKey, PlaceId};
use norn_journal::record::{Time, Version};

/// A name in a place.
pub type Spot = (PlaceId, Vec<u8>);

/// What was done to a file that kept its name.
pub const IN_PLACE: &str = "in-place";
pub const METADATA: &str = "metadata";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The name was not there.
    Absent,
    File(FileKey),
    /// There was something, but the vault never learned what.
    Unknown,
}

impl Want {
    pub fn file(self) -> Option<FileKey> {
        match self {
            Self::File(key) => Some(key),
            Self::Absent | Self::Unknown => None,
        }
    }
}

/// What a name is to be again.
#[derive(Debug, Clone)]
pub struct Target {
    pub want: Want,
    /// The state `want` is to have; `None` when none was taken.
    pub version: Option<Version>,
    /// What the scope left under this name; `None` when it left nothing, or the vault does not know.
    pub put: Option<FileKey>,
    /// The scope itself left nothing under this name.
    pub left_absent: bool,
    /// Where the scope moved it, when that is all that is known.
    pub moved_to: Option<Vec<u8>>,
    pub change: &'static str,
    pub directory: bool,
    pub seen: Vec<u8>,
    pub time: Time,
    pub process: ProcessUid,
    /// The name goes, the file stays under others: it gets its content back by this one first.
    pub repair: bool,
    /// Somebody else changed it later.
    pub conflict: bool,
    /// All that the scope did to the name was to files that stay: nothing is to be done.
    pub stays: bool,
}

impl Target {
    /// Of which no more is known.
    pub fn new(want: Want, change: &'static str, (time, process): (Time, ProcessUid)) -> Self {
        Self {
            want,
            version: None,
            put: None,
            left_absent: false,
            moved_to: None,
            change,
            directory: false,
            seen: Vec::new(),
            time,
            process,
            repair: false,
            conflict: false,
            stays: false,
        }
    }
}
