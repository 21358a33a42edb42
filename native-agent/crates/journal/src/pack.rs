//! Append-only segments on disk: the content of pre-images and the journal, each frame with its checksum.
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use norn_os as os;
use norn_os::clock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::record::{BlobRef, Record};

/// length u32, kind u32, checksum u64.
const HEADER_BYTES: usize = 16;
/// Largest payload of a frame; a longer length is damage.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// Frames up to here are written by one call: copying them costs less than a second call.
const WHOLE_BYTES_MAX: usize = 32 << 10;
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (1 << 20)..=(64 << 20);
const SEGMENTS_AT_BOUND: u64 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blob = 1,
    Record = 2,
}

#[derive(Debug)]
struct Segment {
    file: Arc<File>,
    bytes: u64,
}

#[derive(Debug)]
pub struct Pack {
    dir: PathBuf,
    segments: BTreeMap<u32, Segment>,
    segment_bytes: u64,
    dirty: bool,
    /// Full segments that were not put onto the disk yet.
    unsynced: Vec<Arc<File>>,
    /// Bytes of a torn tail cut while opening.
    pub torn_bytes: u64,
}

/// Whose clock the times of this segment are.
pub fn this_boot() -> Record {
    Record::Boot {
        boot_id: clock::boot_id().map_or(0, u128::from_be_bytes),
        wall_offset_ns: os::wall_ns() as i64 - os::boot_ns() as i64,
    }
}

impl Pack {
    /// Opens what is there and hands out its records in order of writing; then a new segment is begun.
    pub fn open(dir: &Path, bytes_max: u64, mut each: impl FnMut(Record)) -> io::Result<Self> {
        let segment_bytes =
            (bytes_max / SEGMENTS_AT_BOUND).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        let mut pack = Self {
            dir: dir.to_path_buf(),
            segments: BTreeMap::new(),
            segment_bytes,
            dirty: false,
            unsynced: Vec::new(),
            torn_bytes: 0,
        };
        let numbers = pack.numbers()?;
        for &number in &numbers {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(pack.path(number))?;
            let length = file.metadata()?.len();
            let last = Some(&number) == numbers.last();
            let bytes = scan(&file, last, &mut each)?;
            if bytes < length {
                tracing::warn!(
                    segment = number,
                    torn = length - bytes,
                    "the vault's torn tail was cut"
                );
                pack.torn_bytes += length - bytes;
                file.set_len(bytes)?;
            }
            pack.segments.insert(
                number,
                Segment {
                    file: Arc::new(file),
                    bytes,
                },
            );
        }
        pack.begin()?;
        Ok(pack)
    }

    fn numbers(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            if let Some(number) = name.to_str().and_then(|name| name.strip_prefix("segment-")) {
                numbers.extend(number.parse::<u32>());
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("segment-{number:08}"))
    }

    /// The full one is put onto the disk by the next flush: whoever waits for a pre-image does not wait for that.
    fn begin(&mut self) -> io::Result<()> {
        self.set_aside();
        let number = self.segments.last_key_value().map_or(1, |(number, _)| number + 1);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(number))?;
        self.segments.insert(
            number,
            Segment {
                file: Arc::new(file),
                bytes: 0,
            },
        );
        self.append_record(&this_boot())
    }

    pub fn bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes).sum()
    }

    pub fn append_record(&mut self, record: &Record) -> io::Result<()> {
        self.append(Kind::Record, &record.encode()).map(drop)
    }

    pub fn append_blob(&mut self, bytes: &[u8]) -> io::Result<BlobRef> {
        self.append(Kind::Blob, bytes)
    }

    fn append(&mut self, kind: Kind, payload: &[u8]) -> io::Result<BlobRef> {
        if payload.len() > FRAME_BYTES_MAX {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let full = self
            .segments
            .last_key_value()
            .is_none_or(|(_, last)| last.bytes >= self.segment_bytes);
        if full {
            self.begin()?;
        }
        let Some((&number, segment)) = self.segments.iter_mut().next_back() else {
            return Err(io::Error::other("no segment"));
        };
        let mut header = [0_u8; HEADER_BYTES];
        header[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        header[4..8].copy_from_slice(&(kind as u32).to_le_bytes());
        header[8..].copy_from_slice(&xxh3_64_with_seed(payload, kind as u64).to_le_bytes());
        let offset = segment.bytes + HEADER_BYTES as u64;
        if payload.len() <= WHOLE_BYTES_MAX {
            let frame = [&header[..], payload].concat();
            segment.file.write_all_at(&frame, segment.bytes)?;
        } else {
            segment.file.write_all_at(&header, segment.bytes)?;
            segment.file.write_all_at(payload, offset)?;
        }
        segment.bytes = offset + payload.len() as u64;
        self.dirty = true;
        Ok(BlobRef {
            segment: number,
            offset,
            length: payload.len() as u32,
        })
    }

    /// To read from without holding the pack; a segment that is removed meanwhile stays readable.
    pub fn segment(&self, number: u32) -> io::Result<Arc<File>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "the segment is gone");
        let segment = self.segments.get(&number).ok_or_else(missing)?;
        Ok(Arc::clone(&segment.file))
    }

    /// The segment being written is to be put onto the disk, when anything was written since it last was.
    fn set_aside(&mut self) {
        if std::mem::take(&mut self.dirty) {
            let last = self.segments.values().next_back();
            self.unsynced
                .extend(last.map(|segment| Arc::clone(&segment.file)));
        }
    }

    /// What is to be put onto the disk.
    pub fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        self.set_aside();
        std::mem::take(&mut self.unsynced)
    }

    /// The oldest segment that is not being written, when there is one.
    pub fn oldest(&self) -> Option<u32> {
        let (&first, _) = self.segments.first_key_value()?;
        (self.segments.len() > 1).then_some(first)
    }

    pub fn newest(&self) -> u32 {
        self.segments.last_key_value().map_or(0, |(&number, _)| number)
    }

    /// It no longer counts; its bytes go when the caller deletes it.
    pub fn take(&mut self, number: u32) -> Taken {
        Taken {
            _open: self.segments.remove(&number),
            path: self.path(number),
        }
    }
}

/// A segment that was taken out of the pack.
pub struct Taken {
    _open: Option<Segment>,
    path: PathBuf,
}

impl Taken {
    pub fn delete(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The bytes of a blob of this segment, after its checksum was verified.
pub fn read_blob(segment: &File, blob: BlobRef) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; HEADER_BYTES + blob.length as usize];
    segment.read_exact_at(&mut bytes, blob.offset - HEADER_BYTES as u64)?;
    let payload = bytes.split_off(HEADER_BYTES);
    let check = xxh3_64_with_seed(&payload, Kind::Blob as u64);
    if bytes[8..] != check.to_le_bytes() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the pre-image is damaged on disk",
        ));
    }
    Ok(payload)
}

/// The records of a segment, in order of writing.
pub fn read_records(segment: &File, each: &mut impl FnMut(Record)) -> io::Result<()> {
    scan(segment, false, each).map(drop)
}

/// Length of the segment's sound part. Blobs are verified when `verify` is set, else when they are read.
fn scan(file: &File, verify: bool, each: &mut impl FnMut(Record)) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut at = 0;
    let mut header = [0_u8; HEADER_BYTES];
    let mut payload = Vec::new();
    while at + HEADER_BYTES as u64 <= length {
        file.read_exact_at(&mut header, at)?;
        let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        let kind = match u32::from_le_bytes([header[4], header[5], header[6], header[7]]) {
            1 => Kind::Blob,
            2 => Kind::Record,
            _ => break,
        };
        let offset = at + HEADER_BYTES as u64;
        if size as usize > FRAME_BYTES_MAX || offset + u64::from(size) > length {
            break;
        }
        if verify || kind == Kind::Record {
            payload.resize(size as usize, 0);
            file.read_exact_at(&mut payload, offset)?;
            if header[8..] != xxh3_64_with_seed(&payload, kind as u64).to_le_bytes() {
                break;
            }
        }
        if kind == Kind::Record {
            Record::decode(&payload).into_iter().for_each(&mut *each);
        }
        at = offset + u64::from(size);
    }
    Ok(at)
}
