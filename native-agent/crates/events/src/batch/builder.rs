//! Collects events into columns. Allocations and the compression context are kept from batch to batch.
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use prost::Message;

use super::strings::{KeyIsHash, Strings};
use crate::wire::event::v1::{EventBatch, EventColumns};
use crate::wire::finding::v1::Finding;
use crate::{
    Capabilities, ContainerId, Credentials, Event, EventKind, Image, Observer, Process, ProcessTable,
    ProcessUid,
};

/// What all batches of one start of the agent have in common.
#[derive(Debug, Clone, Copy)]
pub struct BatchIdentity {
    /// 16 random bytes, one for each start of the agent.
    pub stream_id: [u8; 16],
    pub boot_id: [u8; 16],
    /// Unix time minus CLOCK_BOOTTIME, ns (`Probe::wall_offset_ns`).
    pub wall_offset_ns: i64,
}

/// An `Observer` that makes batches. When one is full it is sealed and the next is begun, so `observe` never has to wait;
/// after each poll: `while builder.is_full() { ship(builder.finish(seq, "")) }`, and when a batch has lingered long
/// enough and `!builder.is_empty()`, `finish` once more.
pub struct BatchBuilder {
    identity: BatchIdentity,
    columns: EventColumns,
    strings: Strings,
    times_us: Vec<u64>,
    newest_us: u64,
    processes: HashMap<ProcessKey, u16, BuildHasherDefault<KeyIsHash>>,
    last_process: Option<(ProcessKey, u16)>,
    images: HashMap<usize, u16>,
    /// Keeps the images alive, so that their addresses name them.
    images_held: Vec<Arc<Image>>,
    containers: HashMap<ContainerId, u16>,
    findings: Vec<Finding>,
    sealed: VecDeque<EventBatch>,
    refused_rows: u64,
    /// Of these, those no GAP row speaks of yet.
    unreported_rows: u64,
    compressor: zstd::bulk::Compressor<'static>,
    encoded: Vec<u8>,
}

/// The identity, image and user that a process table entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProcessKey {
    uid: ProcessUid,
    image_number: u32,
    user_id: u32,
    group_id: u32,
    /// Address of the image: what is found out about a program later makes another of it.
    image: usize,
}

impl std::hash::Hash for ProcessKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // The uid is a hash: eight bytes of it, stirred by what changes within one process.
        let head = u64::from_le_bytes(self.uid.0[..8].try_into().unwrap_or_default());
        let rest = u64::from(self.image_number) << 32 ^ u64::from(self.user_id);
        state.write_u64(head ^ rest.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
}

impl BatchBuilder {
    pub const ROWS_MAX: usize = 1_600;
    /// Of `columns`, before compression.
    pub const BYTES_MAX: usize = 1024 * 1024;
    /// Sealed batches that wait for `finish`; rows beyond are refused, counted, and become a GAP row.
    pub const SEALED_MAX: usize = 64;
    /// The most one row can add: ten strings with their lengths, and its entries in all tables.
    const ROW_BYTES_MAX: usize = Self::STRINGS_PER_ROW_MAX * (Strings::STRING_BYTES_MAX + 3) + 256;
    const STRINGS_PER_ROW_MAX: usize = 10;
    const COMPRESSION_LEVEL: i32 = 1;
    const SCHEMA_VERSION: u32 = 1;
    /// GAP's `flags` for what this queue refused.
    const GAP_AGENT_QUEUE: u32 = 3;

    /// # Errors
    /// When zstd cannot allocate its context.
    pub fn new(identity: BatchIdentity) -> std::io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(Self::COMPRESSION_LEVEL)?;
        compressor.include_contentsize(true)?;
        let mut builder = Self {
            identity,
            columns: EventColumns::default(),
            strings: Strings::new(),
            times_us: Vec::with_capacity(Self::ROWS_MAX),
            processes: HashMap::default(),
            last_process: None,
            images: HashMap::new(),
            images_held: Vec::new(),
            containers: HashMap::new(),
            findings: Vec::new(),
            sealed: VecDeque::new(),
            newest_us: 0,
            refused_rows: 0,
            unreported_rows: 0,
            compressor,
            encoded: Vec::new(),
        };
        builder.begin();
        Ok(builder)
    }

    /// Rows in the batch being built.
    pub fn len(&self) -> usize {
        self.times_us.len()
    }

    /// Nothing to ship: neither rows nor findings.
    pub fn is_empty(&self) -> bool {
        self.times_us.is_empty() && self.findings.is_empty() && self.sealed.is_empty()
    }

    /// A whole batch waits for `finish`.
    pub fn is_full(&self) -> bool {
        !self.sealed.is_empty() || self.is_at_limit()
    }

    /// Of the newest row, Unix µs; 0 before the first.
    pub fn newest_us(&self) -> u64 {
        self.newest_us
    }

    /// Rows that were refused, since the start, because nobody called `finish`.
    pub fn refused_rows(&self) -> u64 {
        self.refused_rows
    }

    /// Goes with the batch being built, behind the rows observed so far.
    pub fn push_finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Puts a process that a finding speaks of into the batch's process table, although no row of the batch may refer
    /// to it: the stages give every entry its lineage, and a finding needs it.
    pub fn mention(&mut self, uid: ProcessUid, processes: &ProcessTable) {
        let process = processes.by_uid(uid).and_then(|index| processes.get(index));
        if let Some(process) = process.filter(|_| !self.is_at_limit()) {
            self.process_entry(process);
        }
    }

    /// The oldest batch: a sealed one, or what has been collected so far. `traceparent` may be empty.
    pub fn finish(&mut self, batch_seq: u64, traceparent: &str) -> EventBatch {
        if self.sealed.is_empty() {
            self.seal();
        }
        let mut batch = self.sealed.pop_front().unwrap_or_default();
        batch.batch_seq = batch_seq;
        batch.traceparent = traceparent.to_owned();
        batch
    }

    fn is_at_limit(&self) -> bool {
        self.times_us.len() >= Self::ROWS_MAX
            || self.strings.len() + Self::STRINGS_PER_ROW_MAX >= Strings::COUNT_MAX
            || self.byte_len() + Self::ROW_BYTES_MAX > Self::BYTES_MAX
    }

    fn byte_len(&self) -> usize {
        const ROW_BYTES: usize = 1 + 4 + 2 + 2 + 2 + 4 + 8 + 4;
        const PROCESS_BYTES: usize = 16 + 16 + 4 + 4 + 4 + 8 + 4 + 2 + 2 + 4 + 4 + 2 + 4 + 4 + 40;
        const IMAGE_BYTES: usize = 2 + 2 + 32 + 4 + 2 + 2 + 2 + 2;
        self.strings.byte_len()
            + self.times_us.len() * ROW_BYTES
            + self.processes.len() * PROCESS_BYTES
            + self.images_held.len() * IMAGE_BYTES
            + self.containers.len() * 2
            + 256
    }

    fn begin(&mut self) {
        let c = &mut self.columns;
        for column in [
            &mut c.kind,
            &mut c.time_offset_us,
            &mut c.process,
            &mut c.path,
            &mut c.target,
            &mut c.flags,
            &mut c.value,
            &mut c.result,
            &mut c.process_uid,
            &mut c.parent_uid,
            &mut c.pid,
            &mut c.namespace_pid,
            &mut c.parent_pid,
            &mut c.start_time_us,
            &mut c.image_number,
            &mut c.image,
            &mut c.container,
            &mut c.user_id,
            &mut c.group_id,
            &mut c.terminal,
            &mut c.login_user_id,
            &mut c.session_id,
            &mut c.capabilities,
            &mut c.image_path,
            &mut c.image_command_line,
            &mut c.image_sha256,
            &mut c.image_flags,
            &mut c.image_working_directory,
            &mut c.image_environment,
            &mut c.image_package,
            &mut c.image_package_version,
            &mut c.container_id,
        ] {
            column.clear();
        }
        self.strings.clear();
        self.times_us.clear();
        self.processes.clear();
        self.last_process = None;
        self.images.clear();
        self.images_held.clear();
        self.containers.clear();
        // Entry 0 of the container table is the host.
        self.columns.container_id.extend_from_slice(&0_u16.to_le_bytes());
    }

    fn seal(&mut self) {
        let base_time_us = self.times_us.iter().copied().min().unwrap_or_default();
        for time_us in &self.times_us {
            let offset = u32::try_from(time_us - base_time_us).unwrap_or(u32::MAX);
            self.columns
                .time_offset_us
                .extend_from_slice(&offset.to_le_bytes());
        }
        let c = &mut self.columns;
        for rare in [
            &mut c.image_environment,
            &mut c.image_package,
            &mut c.image_package_version,
        ] {
            if rare.iter().all(|&byte| byte == 0) {
                rare.clear();
            }
        }
        self.columns.strings = self.strings.lend_blob();
        self.encoded.clear();
        self.columns.encode_raw(&mut self.encoded);
        self.strings.give_back(std::mem::take(&mut self.columns.strings));
        // A buffer of `compress_bound` bytes cannot be too small, and nothing else fails at a fixed level.
        let columns = self.compressor.compress(&self.encoded).unwrap_or_default();
        self.sealed.push_back(EventBatch {
            schema_version: Self::SCHEMA_VERSION,
            stream_id: self.identity.stream_id.to_vec(),
            boot_id: self.identity.boot_id.to_vec(),
            base_time_us,
            event_count: self.times_us.len() as u32,
            columns_size: self.encoded.len() as u32,
            columns,
            findings: std::mem::take(&mut self.findings),
            ..EventBatch::default()
        });
        self.begin();
    }

    fn wall_us(&self, time_ns: u64) -> u64 {
        (time_ns.saturating_add_signed(self.identity.wall_offset_ns)) / 1_000
    }

    fn process_entry(&mut self, process: &Process) -> u16 {
        let key = ProcessKey {
            uid: process.uid,
            image_number: process.image_number,
            user_id: process.user_id,
            group_id: process.group_id,
            image: Arc::as_ptr(&process.image) as usize,
        };
        if let Some((last, entry)) = self.last_process
            && last == key
        {
            return entry;
        }
        let entry = match self.processes.get(&key) {
            Some(&entry) => entry,
            None => {
                let entry = self.processes.len() as u16;
                self.processes.insert(key, entry);
                self.push_process(process);
                entry
            }
        };
        self.last_process = Some((key, entry));
        entry
    }

    fn push_process(&mut self, process: &Process) {
        let image = self.image_entry(&process.image);
        let container = self.container_entry(process.container.as_ref());
        let start_time_us = self.wall_us(process.start_time_ns);
        let c = &mut self.columns;
        c.process_uid.extend_from_slice(&process.uid.0);
        c.parent_uid.extend_from_slice(&process.parent_uid.0);
        c.pid.extend_from_slice(&process.pid.to_le_bytes());
        c.namespace_pid
            .extend_from_slice(&process.namespace_pid.to_le_bytes());
        c.parent_pid.extend_from_slice(&process.parent_pid.to_le_bytes());
        c.start_time_us.extend_from_slice(&start_time_us.to_le_bytes());
        c.image_number
            .extend_from_slice(&process.image_number.to_le_bytes());
        c.image.extend_from_slice(&image.to_le_bytes());
        c.container.extend_from_slice(&container.to_le_bytes());
        c.user_id.extend_from_slice(&process.user_id.to_le_bytes());
        c.group_id.extend_from_slice(&process.group_id.to_le_bytes());
        self.push_credentials(&process.credentials);
    }

    fn push_credentials(&mut self, credentials: &Credentials) {
        let terminal = self.strings.intern(credentials.terminal());
        let c = &mut self.columns;
        c.terminal.extend_from_slice(&terminal.to_le_bytes());
        c.login_user_id
            .extend_from_slice(&credentials.login_user_id.to_le_bytes());
        c.session_id
            .extend_from_slice(&credentials.session_id.to_le_bytes());
        let Capabilities {
            effective,
            permitted,
            inheritable,
            ambient,
            bounding,
        } = credentials.capabilities;
        for set in [effective, permitted, inheritable, ambient, bounding] {
            c.capabilities.extend_from_slice(&set.to_le_bytes());
        }
    }

    fn image_entry(&mut self, image: &Arc<Image>) -> u16 {
        let address = Arc::as_ptr(image) as usize;
        if let Some(&entry) = self.images.get(&address) {
            return entry;
        }
        let entry = self.images_held.len() as u16;
        self.images.insert(address, entry);
        self.images_held.push(Arc::clone(image));
        let path = self.strings.intern(&image.path);
        let command_line = self.strings.intern(&image.command_line);
        let working_directory = self.strings.intern(&image.working_directory);
        let environment = self.strings.intern(&image.environment);
        let package = image.package.as_deref();
        let name = package.map_or(0, |package| self.strings.intern(package.name.as_bytes()));
        let version = package.map_or(0, |package| self.strings.intern(package.version.as_bytes()));
        let c = &mut self.columns;
        c.image_environment.extend_from_slice(&environment.to_le_bytes());
        c.image_package.extend_from_slice(&name.to_le_bytes());
        c.image_package_version.extend_from_slice(&version.to_le_bytes());
        c.image_path.extend_from_slice(&path.to_le_bytes());
        c.image_command_line
            .extend_from_slice(&command_line.to_le_bytes());
        c.image_working_directory
            .extend_from_slice(&working_directory.to_le_bytes());
        c.image_sha256
            .extend_from_slice(&image.sha256.unwrap_or_default());
        c.image_flags.extend_from_slice(&image.flags.to_le_bytes());
        entry
    }

    fn container_entry(&mut self, container: Option<&ContainerId>) -> u16 {
        let Some(container) = container else { return 0 };
        if let Some(&entry) = self.containers.get(container) {
            return entry;
        }
        let entry = self.containers.len() as u16 + 1;
        self.containers.insert(Arc::clone(container), entry);
        let id = self.strings.intern(container.as_bytes());
        self.columns.container_id.extend_from_slice(&id.to_le_bytes());
        entry
    }

    /// A GAP row, in the name of the agent where the table knows it.
    fn report_refused(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let agent = processes.by_pid(std::process::id()).unwrap_or(event.process);
        let Some(agent) = processes.get(agent) else { return };
        let gap = Event {
            kind: EventKind::Gap,
            flags: Self::GAP_AGENT_QUEUE,
            value: std::mem::take(&mut self.unreported_rows),
            path: b"",
            target: b"",
            result: 0,
            ..*event
        };
        self.push_row(&gap, agent);
    }

    fn push_row(&mut self, event: &Event<'_>, process: &Process) {
        let entry = self.process_entry(process);
        let path = self.strings.intern(event.path);
        let target = self.strings.intern(event.target);
        let time_us = self.wall_us(event.time_ns);
        self.times_us.push(time_us);
        self.newest_us = self.newest_us.max(time_us);
        let c = &mut self.columns;
        c.kind.push(event.kind as i32 as u8);
        c.process.extend_from_slice(&entry.to_le_bytes());
        c.path.extend_from_slice(&path.to_le_bytes());
        c.target.extend_from_slice(&target.to_le_bytes());
        c.flags.extend_from_slice(&event.flags.to_le_bytes());
        c.value.extend_from_slice(&event.value.to_le_bytes());
        c.result.extend_from_slice(&event.result.to_le_bytes());
    }
}

impl Observer for BatchBuilder {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let Some(process) = processes.get(event.process) else {
            return;
        };
        if self.is_at_limit() {
            if self.sealed.len() >= Self::SEALED_MAX {
                self.refused_rows += 1;
                self.unreported_rows += 1;
                return;
            }
            self.seal();
        }
        if self.unreported_rows > 0 && self.times_us.is_empty() {
            self.report_refused(event, processes);
        }
        self.push_row(event, process);
    }
}
