//! A journal in memory, told of what processes did to files: what a plan is made from in tests.
use norn_events::ProcessUid;
use norn_journal::file::{FileKey, Metadata, PlaceId};
use norn_journal::index::Index;
use norn_journal::record::{Actor, Aspect, Change, Content, Location, Record, Time, Version};

pub const PLACE: PlaceId = PlaceId(1);

/// By name and key.
pub type File<'a> = (&'a str, u128);

pub fn uid(pid: u32) -> ProcessUid {
    ProcessUid([pid as u8; 16])
}

fn location((path, key): File<'_>) -> Location {
    Location {
        key: FileKey(key),
        place: PLACE,
        path: path.into(),
        seen: path.into(),
    }
}

pub struct Told(pub Index);

impl Told {
    /// Processes, each with its parent; 0 is nobody.
    pub fn of(processes: &[(u32, u32)]) -> Self {
        let mut index = Index::default();
        for &(pid, parent) in processes {
            index.apply(&Record::Actor(Actor {
                uid: uid(pid),
                parent: uid(parent),
                pid,
                start: 1,
                container: None,
            }));
        }
        Self(index)
    }

    /// A state of a file, taken for an open by this process; 0: at rest.
    pub fn state(
        &mut self,
        (time, pid): (Time, u32),
        file: File<'_>,
        (content, metadata): (Content, Metadata),
    ) {
        let version = Version {
            time,
            pid,
            content,
            metadata,
            shape: None,
        };
        self.0.apply(&Record::Version(location(file), version));
    }

    pub fn changed(&mut self, (time, pid): (Time, u32), file: File<'_>, aspect: Aspect) {
        let change = Change { time, pid, aspect };
        self.0.apply(&Record::Change(location(file), change));
    }
}
