//! What comes of a name that is put back.
use std::io;

use crate::content::Lost;

/// What a name turned out to need.
pub enum Done {
    Restored,
    Removed,
    Unchanged,
    /// Nothing was there, and nothing is.
    Nothing,
}

/// A failure with its verdict.
pub enum Failed {
    Lost(String),
    Conflict(String),
    /// Lost, as the kernel did not allow it: a flag may stand in the way.
    Refused(io::Error),
}

impl Failed {
    /// For people.
    pub fn why(self) -> String {
        match self {
            Self::Lost(why) | Self::Conflict(why) => why,
            Self::Refused(error) => format!("the system refused: {error}"),
        }
    }
}

impl From<Lost> for Failed {
    fn from(why: Lost) -> Self {
        Self::Lost(why)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        let why = match error.raw_os_error() {
            Some(libc::ELOOP) => "a symbolic link stands where the file's directory was".to_owned(),
            Some(libc::EXDEV) => "its path leads out of the container".to_owned(),
            Some(libc::EEXIST) => return Self::Conflict(TAKEN.to_owned()),
            Some(libc::EBUSY) => {
                return Self::Conflict("another file system is mounted over it, or below it".to_owned());
            }
            _ => return Self::Refused(error),
        };
        Self::Lost(why)
    }
}

pub type Outcome = Result<Done, Failed>;

pub const CHANGED_LATER: &str = "changed later by a process outside the attack";
pub const CHANGED_AGAIN: &str = "somebody changed it again while it was put back";
pub const TAKEN: &str = "another file has taken this name since";
pub const NO_STATE: &str = "no pre-image was taken before its first change";
