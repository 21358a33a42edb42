//! Reads batches back into rows: for tests, golden files and tools, not for hot paths.
use prost::Message;

use super::strings::split_strings;
use crate::wire::event::v1::{EventBatch, EventColumns};
use crate::{Capabilities, Credentials};

/// Why bytes are not a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("BATCH_TOO_LARGE: the columns claim {0} bytes, the limit is {limit}: refuse the batch", limit = super::BatchBuilder::BYTES_MAX)]
    TooLarge(u32),
    #[error(
        "BATCH_NOT_ZSTD: the columns do not decompress ({0}): the sender is broken or the bytes were changed"
    )]
    NotZstd(#[from] std::io::Error),
    #[error("BATCH_NOT_PROTOBUF: {0}: the sender is broken or the bytes were changed")]
    NotProtobuf(#[from] prost::DecodeError),
    #[error("BATCH_MALFORMED: column {0} does not fit the batch's tables: refuse the batch")]
    Malformed(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadImage {
    pub path: Vec<u8>,
    pub command_line: Vec<u8>,
    pub working_directory: Vec<u8>,
    /// Zeros when not known.
    pub sha256: [u8; 32],
    /// Chosen variables, "NAME=value" a line.
    pub environment: Vec<u8>,
    /// Both empty when not known.
    pub package: Vec<u8>,
    pub package_version: Vec<u8>,
    pub flags: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadProcess {
    pub uid: [u8; 16],
    pub parent_uid: [u8; 16],
    pub pid: u32,
    pub namespace_pid: u32,
    pub parent_pid: u32,
    pub start_time_us: u64,
    pub image_number: u32,
    pub image: ReadImage,
    /// Empty for the host.
    pub container_id: Vec<u8>,
    pub user_id: u32,
    pub group_id: u32,
    pub credentials: Credentials,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRow {
    /// `EventKind`.
    pub kind: u8,
    /// Unix µs.
    pub time_us: u64,
    /// Position in `ReadBatch::processes`.
    pub process: usize,
    pub path: Vec<u8>,
    pub target: Vec<u8>,
    pub flags: u32,
    pub value: u64,
    pub result: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBatch {
    pub processes: Vec<ReadProcess>,
    pub rows: Vec<ReadRow>,
}

/// # Errors
/// When the columns are too large, do not decompress, do not decode or contradict each other.
pub fn read_batch(batch: &EventBatch) -> Result<ReadBatch, BatchError> {
    if batch.columns_size as usize > super::BatchBuilder::BYTES_MAX {
        return Err(BatchError::TooLarge(batch.columns_size));
    }
    let bytes = zstd::bulk::decompress(&batch.columns, batch.columns_size as usize)?;
    let columns = EventColumns::decode(bytes.as_slice())?;
    let strings = split_strings(&columns.strings).ok_or(BatchError::Malformed("strings"))?;
    let images = read_images(&columns, &strings)?;
    let processes = read_processes(&columns, &strings, &images)?;
    let rows = (0..batch.event_count as usize)
        .map(|at| read_row(&columns, &strings, at))
        .map(|row| {
            let mut row = row?;
            row.time_us += batch.base_time_us;
            if row.process >= processes.len() {
                return Err(BatchError::Malformed("process"));
            }
            Ok(row)
        })
        .collect::<Result<_, _>>()?;
    Ok(ReadBatch { processes, rows })
}

fn read_row(c: &EventColumns, strings: &[&[u8]], at: usize) -> Result<ReadRow, BatchError> {
    Ok(ReadRow {
        kind: *c.kind.get(at).ok_or(BatchError::Malformed("kind"))?,
        time_us: u64::from(u32::from_le_bytes(element(
            &c.time_offset_us,
            at,
            "time_offset_us",
        )?)),
        process: usize::from(u16::from_le_bytes(element(&c.process, at, "process")?)),
        path: string(&c.path, at, strings, "path")?,
        target: string(&c.target, at, strings, "target")?,
        flags: u32::from_le_bytes(element(&c.flags, at, "flags")?),
        value: u64::from_le_bytes(element(&c.value, at, "value")?),
        result: i32::from_le_bytes(element(&c.result, at, "result")?),
    })
}

fn read_images(c: &EventColumns, strings: &[&[u8]]) -> Result<Vec<ReadImage>, BatchError> {
    (0..c.image_path.len() / 2)
        .map(|at| {
            Ok(ReadImage {
                path: string(&c.image_path, at, strings, "image_path")?,
                command_line: string(&c.image_command_line, at, strings, "image_command_line")?,
                working_directory: string(
                    &c.image_working_directory,
                    at,
                    strings,
                    "image_working_directory",
                )?,
                sha256: element(&c.image_sha256, at, "image_sha256")?,
                flags: u32::from_le_bytes(element(&c.image_flags, at, "image_flags")?),
                environment: rare_string(&c.image_environment, at, strings, "image_environment")?,
                package: rare_string(&c.image_package, at, strings, "image_package")?,
                package_version: rare_string(&c.image_package_version, at, strings, "image_package_version")?,
            })
        })
        .collect()
}

fn read_processes(
    c: &EventColumns,
    strings: &[&[u8]],
    images: &[ReadImage],
) -> Result<Vec<ReadProcess>, BatchError> {
    (0..c.process_uid.len() / 16)
        .map(|at| {
            let image = usize::from(u16::from_le_bytes(element(&c.image, at, "image")?));
            let container = usize::from(u16::from_le_bytes(element(&c.container, at, "container")?));
            Ok(ReadProcess {
                uid: element(&c.process_uid, at, "process_uid")?,
                parent_uid: element(&c.parent_uid, at, "parent_uid")?,
                pid: u32::from_le_bytes(element(&c.pid, at, "pid")?),
                namespace_pid: u32::from_le_bytes(element(&c.namespace_pid, at, "namespace_pid")?),
                parent_pid: u32::from_le_bytes(element(&c.parent_pid, at, "parent_pid")?),
                start_time_us: u64::from_le_bytes(element(&c.start_time_us, at, "start_time_us")?),
                image_number: u32::from_le_bytes(element(&c.image_number, at, "image_number")?),
                image: images.get(image).ok_or(BatchError::Malformed("image"))?.clone(),
                container_id: string(&c.container_id, container, strings, "container_id")?,
                user_id: u32::from_le_bytes(element(&c.user_id, at, "user_id")?),
                group_id: u32::from_le_bytes(element(&c.group_id, at, "group_id")?),
                credentials: read_credentials(c, strings, at)?,
            })
        })
        .collect()
}

/// Nothing is known where the columns were left out.
fn read_credentials(c: &EventColumns, strings: &[&[u8]], at: usize) -> Result<Credentials, BatchError> {
    if c.login_user_id.is_empty() {
        return Ok(Credentials::default());
    }
    let mut terminal = [0; Credentials::TERMINAL_BYTES];
    let name = string(&c.terminal, at, strings, "terminal")?;
    terminal
        .get_mut(..name.len())
        .ok_or(BatchError::Malformed("terminal"))?
        .copy_from_slice(&name);
    let set =
        |number: usize| element(&c.capabilities, at * 5 + number, "capabilities").map(u64::from_le_bytes);
    Ok(Credentials {
        login_user_id: u32::from_le_bytes(element(&c.login_user_id, at, "login_user_id")?),
        session_id: u32::from_le_bytes(element(&c.session_id, at, "session_id")?),
        terminal,
        capabilities: Capabilities {
            effective: set(0)?,
            permitted: set(1)?,
            inheritable: set(2)?,
            ambient: set(3)?,
            bounding: set(4)?,
        },
    })
}

/// Empty where the column was left out.
fn rare_string(
    column: &[u8],
    at: usize,
    strings: &[&[u8]],
    name: &'static str,
) -> Result<Vec<u8>, BatchError> {
    if column.is_empty() {
        return Ok(Vec::new());
    }
    string(column, at, strings, name)
}

fn element<const N: usize>(column: &[u8], at: usize, name: &'static str) -> Result<[u8; N], BatchError> {
    column
        .get(at * N..(at + 1) * N)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(BatchError::Malformed(name))
}

fn string(column: &[u8], at: usize, strings: &[&[u8]], name: &'static str) -> Result<Vec<u8>, BatchError> {
    let index = u16::from_le_bytes(element(column, at, name)?);
    strings
        .get(usize::from(index))
        .map(|text| text.to_vec())
        .ok_or(BatchError::Malformed(name))
}
