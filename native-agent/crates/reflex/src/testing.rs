//! Builders for this crate's tests: processes, changes and events in a few words.
use std::sync::Arc;

use norn_events::{
    ChangeKind, ContentChange, ContentFormat, ContentShape, Event, EventKind, Image, Observer, Process,
    ProcessIndex, ProcessTable, ProcessUid,
};

use crate::{Firing, Reflexes, Source};
use norn_programs::Provenance;
use norn_programs::lineage::may_be_packaged;

/// Package-owned is what the test names; new is what lies in /tmp, and past the packages what lies in /usr/local; sealed is a memfd called `sealed`; `summer` reads.
#[derive(Default)]
pub struct FakeProvenance(pub Vec<&'static str>);

impl Provenance for FakeProvenance {
    fn is_package_owned(&mut self, process: &Process) -> bool {
        may_be_packaged(process) && self.0.iter().any(|path| path.as_bytes() == process.image.path)
    }

    fn is_unpackaged(&mut self, process: &Process, _beside: &dyn Fn() -> Option<u32>) -> bool {
        !self.is_package_owned(process)
    }

    fn is_new(&mut self, process: &Process) -> bool {
        process.image.path.starts_with(b"/tmp/")
    }

    fn came_past_packages(&mut self, process: &Process) -> bool {
        process.image.path.starts_with(b"/usr/local/") && !self.is_package_owned(process)
    }

    fn is_whole_runtime(&mut self, process: &Process) -> bool {
        self.is_package_owned(process) || process.image.path.starts_with(b"/opt/large/")
    }

    fn is_sealed_copy(&mut self, process: &Process) -> bool {
        process.image.path == b"memfd:sealed"
    }

    fn reads_as_it_hashes(&mut self, process: &Process) -> bool {
        process.image.path.ends_with(b"/summer")
    }
}

pub struct World {
    pub processes: ProcessTable,
    pub reflexes: Reflexes,
    pub now_ns: u64,
    next_pid: u32,
    by_pid_only: bool,
}

pub const TEXT: ContentShape = ContentShape {
    size: 6_000,
    entropy: 4.3,
    format: ContentFormat::Text,
};
pub const CIPHER: ContentShape = ContentShape {
    size: 6_016,
    entropy: 7.96,
    format: ContentFormat::Unknown,
};
/// Behind the first bytes of a known format.
pub const FEIGNED: ContentShape = ContentShape {
    format: ContentFormat::Feigned,
    ..CIPHER
};
pub const ARCHIVE: ContentShape = ContentShape {
    size: 2_000,
    entropy: 7.9,
    format: ContentFormat::Archive,
};
pub const EMPTY: ContentShape = ContentShape {
    size: 0,
    entropy: 0.0,
    format: ContentFormat::Empty,
};

impl World {
    pub fn new() -> Self {
        Self::with(&[], None)
    }

    pub fn with(packaged: &[&'static str], source: Option<Source>) -> Self {
        Self {
            processes: ProcessTable::default(),
            reflexes: Reflexes::new(Box::new(FakeProvenance(packaged.to_vec())), source),
            now_ns: 1_000_000_000,
            next_pid: 100,
            by_pid_only: false,
        }
    }

    /// A running process with this image; `parent` as the original creator.
    pub fn process(&mut self, image: &str, parent: Option<ProcessIndex>) -> ProcessIndex {
        self.next_pid += 1;
        let pid = self.next_pid;
        let parent = parent.and_then(|index| self.processes.get(index)).cloned();
        let mut uid = [0; 16];
        uid[..4].copy_from_slice(&pid.to_le_bytes());
        self.processes.insert(Process {
            uid: ProcessUid(uid),
            parent_uid: parent.as_ref().map_or(ProcessUid::UNKNOWN, |parent| parent.uid),
            pid,
            namespace_pid: pid,
            parent_pid: parent.as_ref().map_or(1, |parent| parent.pid),
            start_time_ns: self.now_ns,
            end_time_ns: None,
            image_number: 1,
            image: Arc::new(Image {
                path: image.into(),
                inode: image
                    .bytes()
                    .fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)),
                command_line: image.into(),
                ..Image::default()
            }),
            container: parent.and_then(|parent| parent.container),
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: Default::default(),
        })
    }

    pub fn in_container(&mut self, index: ProcessIndex) -> ProcessIndex {
        self.edit(index, |process| process.container = Some("c0ffee".into()));
        index
    }

    /// Pid 1 in its container.
    pub fn init_of_container(&mut self, index: ProcessIndex) {
        self.edit(index, |process| process.namespace_pid = 1);
    }

    pub fn flagged(&mut self, index: ProcessIndex, flags: u32) -> ProcessIndex {
        self.edit(index, |process| {
            process.image = Arc::new(Image {
                flags,
                ..(*process.image).clone()
            });
        });
        index
    }

    pub fn at_terminal(&mut self, index: ProcessIndex) -> ProcessIndex {
        self.edit(index, |process| {
            process.credentials.terminal[..4].copy_from_slice(b"pts0")
        });
        index
    }

    fn edit(&mut self, index: ProcessIndex, change: impl FnOnce(&mut Process)) {
        change(
            self.processes
                .get_mut(index)
                .expect("the process is in the table"),
        );
    }

    pub fn uid(&self, index: ProcessIndex) -> ProcessUid {
        self.processes
            .get(index)
            .expect("the process is in the table")
            .uid
    }

    pub fn pid(&self, index: ProcessIndex) -> u32 {
        self.processes
            .get(index)
            .expect("the process is in the table")
            .pid
    }

    fn change(
        &mut self,
        by: ProcessIndex,
        (path, kind): (&str, ChangeKind),
        shapes: [Option<ContentShape>; 2],
    ) {
        self.now_ns += 4_000_000;
        let process = self.processes.get(by).expect("the process is in the table");
        let change = ContentChange {
            time_ns: self.now_ns,
            pid: process.pid,
            process: (!self.by_pid_only).then_some(process.uid),
            container: process.container.clone(),
            path: path.into(),
            kind,
            before: shapes[0],
            after: shapes[1],
        };
        self.reflexes.content_changed(&change, &self.processes);
    }

    pub fn overwrite(&mut self, by: ProcessIndex, path: &str, (before, after): (ContentShape, ContentShape)) {
        self.change(by, (path, ChangeKind::Overwritten), [Some(before), Some(after)]);
    }

    pub fn replace(&mut self, by: ProcessIndex, path: &str, (before, after): (ContentShape, ContentShape)) {
        self.change(by, (path, ChangeKind::Replaced), [Some(before), Some(after)]);
    }

    pub fn end(&mut self, index: ProcessIndex) {
        self.processes.end(index, self.now_ns);
    }

    /// From now on changes name their author by pid only.
    pub fn forget_uids(&mut self) {
        self.by_pid_only = true;
    }

    /// Renamed over; what is there now has not been looked at.
    pub fn replace_unseen(&mut self, by: ProcessIndex, path: &str, before: ContentShape) {
        self.change(by, (path, ChangeKind::Replaced), [Some(before), None]);
    }

    /// Its size was set to less, and nothing written.
    pub fn cut(&mut self, by: ProcessIndex, path: &str, (before, size): (ContentShape, u64)) {
        let after = if size == 0 {
            EMPTY
        } else {
            ContentShape { size, ..before }
        };
        self.change(by, (path, ChangeKind::Cut), [Some(before), Some(after)]);
    }

    /// Emptied by an open, and not closed.
    pub fn hold(&mut self, by: ProcessIndex, path: &str, before: ContentShape) {
        self.change(by, (path, ChangeKind::Held), [Some(before), Some(EMPTY)]);
    }

    /// Content at a name whose former content is told of elsewhere.
    pub fn appear(&mut self, by: ProcessIndex, path: &str, after: ContentShape) {
        self.change(by, (path, ChangeKind::Overwritten), [None, Some(after)]);
    }

    pub fn create(&mut self, by: ProcessIndex, path: &str, after: ContentShape) {
        self.change(by, (path, ChangeKind::Created), [None, Some(after)]);
    }

    pub fn unlink(&mut self, by: ProcessIndex, path: &str, before: ContentShape) {
        self.change(by, (path, ChangeKind::Unlinked), [Some(before), None]);
    }

    /// An event with (path, flags, value).
    pub fn event(&mut self, by: ProcessIndex, kind: EventKind, (path, flags, value): (&str, u32, u64)) {
        self.emit((by, kind), (path, ""), (flags, value));
    }

    pub fn rename(&mut self, by: ProcessIndex, from: &str, to: &str) {
        self.emit((by, EventKind::FileRename), (from, to), (0, 0));
    }

    fn emit(
        &mut self,
        (by, kind): (ProcessIndex, EventKind),
        (path, target): (&str, &str),
        (flags, value): (u32, u64),
    ) {
        self.now_ns += 1_000_000;
        let event = Event {
            kind,
            time_ns: self.now_ns,
            process: by,
            flags,
            value,
            result: 0,
            path: path.as_bytes(),
            target: target.as_bytes(),
        };
        self.reflexes.observe(&event, &self.processes);
    }

    /// The one firing there is, or none.
    pub fn firing(&mut self) -> Option<Firing> {
        let mut firings = self.reflexes.take();
        assert!(firings.len() <= 1, "one attack fires once: {firings:#?}");
        firings.pop()
    }
}
