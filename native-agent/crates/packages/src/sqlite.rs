//! Reads the rows of a table of an SQLite file, and nothing else: no query, no index, no lock. The file may be a container's, so
//! whoever wrote it may be an attacker; a library in C that reads it as root would be his to try. Format: sqlite.org/fileformat2.html.
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
/// Databases of hosts with everything installed have 300 MB.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// One value; the header of a package of 100,000 files takes 15 MB.
const ROW_BYTES_MAX: u64 = 64 << 20;
const LOG_MAGIC: u32 = 0x377f_0682;
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const TABLE_INNER: u8 = 5;
const TABLE_LEAF: u8 = 13;

pub struct Database {
    file: File,
    page_bytes: usize,
    /// Without what extensions keep at the end of each page.
    usable: usize,
    pages: u32,
    log: Option<Log>,
}

/// Pages that are written and not yet in the file.
struct Log {
    file: File,
    /// Where the newest of each page begins.
    offsets: HashMap<u32, u64>,
}

/// Of a table: columns in their order.
pub struct Row {
    payload: Vec<u8>,
}

impl Database {
    /// `log`: the file beside it whose name ends in "-wal".
    ///
    /// # Errors
    /// When it is no database, or too large.
    pub fn open(file: File, log: Option<File>) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            bytes => usize::from(bytes),
        };
        let length = file.metadata()?.len();
        let reserved = usize::from(header[20]);
        let is_sound = header.starts_with(MAGIC)
            && page_bytes.is_power_of_two()
            && page_bytes >= 512
            && reserved <= page_bytes - 480
            && length <= FILE_BYTES_MAX;
        if !is_sound {
            return Err(malformed());
        }
        let log = log.and_then(|log| Log::read(log, page_bytes));
        let in_log = log.as_ref().and_then(|log| log.offsets.keys().max()).copied();
        let in_file = u32::try_from(length / page_bytes as u64).map_err(|_| malformed())?;
        Ok(Self {
            file,
            page_bytes,
            usable: page_bytes - reserved,
            pages: in_file.max(in_log.unwrap_or(0)),
            log,
        })
    }

    /// Every row until `visit` says no: false then.
    ///
    /// # Errors
    /// When there is no such table, or the file is not whole.
    pub fn rows(&self, table: &str, visit: &mut dyn FnMut(&Row) -> bool) -> io::Result<bool> {
        let mut root = None;
        // (type, name, table's name, first page, SQL)
        self.walk(1, &mut |row| {
            let is_wanted = row.column(0) == Some(b"table") && row.column(1) == Some(table.as_bytes());
            root = row.integer(3).filter(|_| is_wanted);
            root.is_none()
        })?;
        self.walk(root.ok_or_else(malformed)?, visit)
    }

    /// Depth first, left to right. A page that comes twice would make a circle.
    fn walk(&self, root: u32, visit: &mut dyn FnMut(&Row) -> bool) -> io::Result<bool> {
        let (mut waiting, mut seen) = (vec![root], HashSet::new());
        // No byte of a sound file is in two rows.
        let mut bytes_left = u64::from(self.pages) * self.page_bytes as u64;
        while let Some(number) = waiting.pop() {
            if !seen.insert(number) {
                return Err(malformed());
            }
            let page = self.page(number)?;
            let start = if number == 1 { HEADER_BYTES } else { 0 };
            let kind = *page.get(start).ok_or_else(malformed)?;
            let cells = cells(&page, start, kind).ok_or_else(malformed)?;
            match kind {
                TABLE_INNER => {
                    let mut children = vec![be32(&page, start + 8).ok_or_else(malformed)?];
                    for at in cells.into_iter().rev() {
                        children.push(be32(&page, at).ok_or_else(malformed)?);
                    }
                    waiting.extend(children);
                }
                TABLE_LEAF => {
                    for at in cells {
                        let payload = self.payload(&page, at)?;
                        bytes_left = bytes_left
                            .checked_sub(payload.len() as u64)
                            .ok_or_else(malformed)?;
                        if !visit(&Row { payload }) {
                            return Ok(false);
                        }
                    }
                }
                _ => return Err(malformed()),
            }
        }
        Ok(true)
    }

    fn page(&self, number: u32) -> io::Result<Vec<u8>> {
        if number == 0 || number > self.pages {
            return Err(malformed());
        }
        let mut page = vec![0; self.page_bytes];
        match self
            .log
            .as_ref()
            .and_then(|log| Some((log, log.offsets.get(&number)?)))
        {
            Some((log, offset)) => log.file.read_exact_at(&mut page, *offset)?,
            None => {
                let offset = u64::from(number - 1) * self.page_bytes as u64;
                self.file.read_exact_at(&mut page, offset)?;
            }
        }
        Ok(page)
    }

    /// What does not fit into its cell goes on in a chain of pages.
    fn payload(&self, page: &[u8], at: usize) -> io::Result<Vec<u8>> {
        let (length, at) = varint(page, at).ok_or_else(malformed)?;
        let (_row_id, at) = varint(page, at).ok_or_else(malformed)?;
        if length > ROW_BYTES_MAX {
            return Err(malformed());
        }
        let length = length as usize;
        let here = self.local(length);
        let mut payload = page.get(at..at + here).ok_or_else(malformed)?.to_vec();
        let mut next = if here < length {
            be32(page, at + here).ok_or_else(malformed)?
        } else {
            0
        };
        // Each page brings at least one byte, so this ends also in a circle.
        while payload.len() < length {
            let page = self.page(next)?;
            let more = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + more).ok_or_else(malformed)?);
            next = be32(&page, 0).ok_or_else(malformed)?;
        }
        Ok(payload)
    }

    /// Bytes of a payload that lie in its cell.
    fn local(&self, length: usize) -> usize {
        if length <= self.usable - 35 {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= self.usable - 35 {
            fitting
        } else {
            least
        }
    }
}

impl Log {
    /// Frames up to the last that ends a transaction. Their checksums are not looked at: those of an older round have other salts.
    fn read(file: File, page_bytes: usize) -> Option<Self> {
        let mut header = [0; LOG_HEADER_BYTES];
        file.read_exact_at(&mut header, 0).ok()?;
        let is_sound = be32(&header, 0)? & !1 == LOG_MAGIC && be32(&header, 8)? as usize == page_bytes;
        let salts = &header[16..24];
        let (mut offsets, mut pending) = (HashMap::new(), Vec::new());
        let mut at = LOG_HEADER_BYTES as u64;
        let mut frame = [0; FRAME_HEADER_BYTES];
        while is_sound
            && at < FILE_BYTES_MAX
            && file.read_exact_at(&mut frame, at).is_ok()
            && frame[8..16] == *salts
        {
            pending.push((be32(&frame, 0)?, at + FRAME_HEADER_BYTES as u64));
            if be32(&frame, 4)? != 0 {
                offsets.extend(pending.drain(..));
            }
            at += (FRAME_HEADER_BYTES + page_bytes) as u64;
        }
        Some(Self { file, offsets })
    }
}

impl Row {
    /// Text or a blob, or what a number is stored as; `None` where there is no such column.
    pub fn column(&self, wanted: usize) -> Option<&[u8]> {
        let (header, mut at) = varint(&self.payload, 0)?;
        let mut content = header as usize;
        for column in 0.. {
            if at >= header as usize {
                return None;
            }
            let (kind, next) = varint(&self.payload, at)?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind as usize,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return None,
                _ => usize::try_from((kind - 12) / 2).ok()?,
            };
            if column == wanted {
                return self.payload.get(content..content.checked_add(length)?);
            }
            (at, content) = (next, content.checked_add(length)?);
        }
        None
    }

    /// Small and not negative.
    fn integer(&self, column: usize) -> Option<u32> {
        let bytes = self.column(column).filter(|bytes| bytes.len() <= 4)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte)),
        )
    }
}

/// Where each cell of a page begins.
fn cells(page: &[u8], start: usize, kind: u8) -> Option<Vec<usize>> {
    let pointers = start + if kind == TABLE_INNER { 12 } else { 8 };
    let count = usize::from(be16(page, start + 3)?);
    let at = |cell: usize| Some(usize::from(be16(page, pointers + 2 * cell)?));
    (0..count).map(at).collect()
}

/// Seven bits a byte, the most significant first, nine bytes at most; and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for end in at..at.checked_add(8)? {
        let byte = *bytes.get(end)?;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, end + 1));
        }
    }
    let last = *bytes.get(at + 8)?;
    Some((number << 8 | u64::from(last), at + 9))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn malformed() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}
