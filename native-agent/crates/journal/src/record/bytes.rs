//! How a record is written down, and how it is read back.
use norn_events::{ContentFormat, ContentShape, ProcessUid};

use super::{
    Actor, Aspect, BlobRef, Change, Content, Location, Missing, NameKind, NameOperation, PlaceKind, Record,
    Time, Version,
};
use crate::file::{FileKey, Metadata, PlaceId};

/// Set in the first byte of a record whose numbers take as many bytes as they need, seven bits each (LEB128). Records without
/// it have numbers of eight bytes, lengths of four, and names in full; they are still read.
const SLIM: u8 = 0x80;

/// Numbers near zero, below it too, take few bytes.
fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

fn unzigzag(value: u128) -> i128 {
    (value >> 1) as i128 ^ -((value & 1) as i128)
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.u8(kind | SLIM)
    }
    fn slim(&mut self, mut value: u128) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8)
    }
    fn number(&mut self, value: u64) -> &mut Self {
        self.slim(value.into())
    }
    fn signed(&mut self, value: i128) -> &mut Self {
        self.slim(zigzag(value))
    }
    fn time(&mut self, value: Time) -> &mut Self {
        self.signed(value.into())
    }
    fn place(&mut self, place: PlaceId) -> &mut Self {
        self.0.extend_from_slice(&place.0.to_le_bytes());
        self
    }
    fn wide(&mut self, value: u128) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }
    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.number(value.len() as u64).0.extend_from_slice(value);
        self
    }
    /// What it has in common with the end of `path` is not written again.
    fn seen(&mut self, seen: &[u8], path: &[u8]) -> &mut Self {
        let ends = seen.iter().rev().zip(path.iter().rev());
        let common = ends.take_while(|(one, other)| one == other).count();
        self.number(common as u64).bytes(&seen[..seen.len() - common])
    }
    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.number(items.len() as u64);
        items.iter().for_each(|item| each(self, item));
        self
    }
    fn location(&mut self, location: &Location) -> &mut Self {
        self.wide(location.key.0)
            .place(location.place)
            .bytes(&location.path)
            .seen(&location.seen, &location.path)
    }
    fn key(&mut self, key: Option<FileKey>) -> &mut Self {
        self.u8(key.is_some().into()).wide(key.map_or(0, |key| key.0))
    }
    fn blob(&mut self, blob: BlobRef) -> &mut Self {
        self.number(blob.segment.into())
            .number(blob.offset)
            .number(blob.length.into())
    }
    fn content(&mut self, content: &Content) -> &mut Self {
        match content {
            Content::Packed(blobs) => self.u8(0).list(blobs, |to, blob| {
                to.blob(*blob);
            }),
            Content::Sparse(extents) => self.u8(4).list(extents, |to, (at, blob)| {
                to.number(*at).blob(*blob);
            }),
            Content::Cloned(number) => self.u8(5).number(*number),
            Content::Lower(path) => self.u8(1).bytes(path),
            Content::Link(target) => self.u8(2).bytes(target),
            Content::Missing(why) => self.u8(3).u8(*why as u8),
        }
    }
    fn version(&mut self, version: &Version) -> &mut Self {
        let metadata = &version.metadata;
        self.time(version.time)
            .number(version.pid.into())
            .content(&version.content);
        self.number(metadata.mode.into())
            .number(metadata.uid.into())
            .number(metadata.gid.into());
        self.number(metadata.size)
            .signed(metadata.modified_ns)
            .signed(metadata.changed_ns);
        self.list(&metadata.attributes, |to, (name, value)| {
            to.bytes(name).bytes(value);
        });
        match version.shape {
            None => self.u8(0),
            Some(shape) => self
                .u8(1)
                .number(shape.size)
                .number(shape.entropy.to_bits().into())
                .u8(FORMATS
                    .iter()
                    .position(|&format| format == shape.format)
                    .unwrap_or(0) as u8),
        }
    }
}

const FORMATS: [ContentFormat; 9] = [
    ContentFormat::Unknown,
    ContentFormat::Empty,
    ContentFormat::Text,
    ContentFormat::Archive,
    ContentFormat::Media,
    ContentFormat::Structured,
    ContentFormat::Blank,
    ContentFormat::Feigned,
    ContentFormat::Locked,
];

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer(Vec::with_capacity(256));
        match self {
            Self::Boot {
                boot_id,
                wall_offset_ns,
            } => to.kind(0).wide(*boot_id).time(*wall_offset_ns),
            Self::Place(id, PlaceKind::Directory(root)) => to.kind(1).place(*id).bytes(root),
            Self::Place(id, PlaceKind::Overlay { lower, upper, work }) => to
                .kind(2)
                .place(*id)
                .list(lower, |to, path| {
                    to.bytes(path);
                })
                .bytes(upper)
                .bytes(work),
            Self::Version(location, version) => to.kind(3).location(location).version(version),
            Self::Change(location, change) => to
                .kind(4)
                .location(location)
                .time(change.time)
                .number(change.pid.into())
                .u8((change.aspect == Aspect::Metadata).into()),
            Self::Name(operation) => to
                .kind(5)
                .time(operation.time)
                .number(operation.pid.into())
                .place(operation.place)
                .u8(operation.kind as u8)
                .bytes(&operation.path)
                .bytes(&operation.target)
                .key(operation.key)
                .key(operation.replaced)
                .u8(operation.directory.into())
                .bytes(&operation.seen),
            Self::Actor(actor) => to
                .kind(6)
                .bytes(&actor.uid.0)
                .bytes(&actor.parent.0)
                .number(actor.pid.into())
                .time(actor.start)
                .bytes(actor.container.as_deref().unwrap_or_default().as_bytes()),
            Self::Alias(new, old) => to.kind(7).wide(new.0).wide(old.0),
            Self::Hold(scope) => to.kind(8).bytes(&scope.0),
            Self::Forget(scope) => to.kind(9).bytes(&scope.0),
            Self::Evicted(key, time) => to.kind(10).wide(key.0).time(*time),
            Self::Home(container, place) => to.kind(11).bytes(container.as_bytes()).place(*place),
        };
        to.0
    }

    /// `None` when the bytes are not a record of this version of the vault.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut from) = Reader::new(bytes)?;
        Some(match kind {
            0 => Self::Boot {
                boot_id: from.wide()?,
                wall_offset_ns: from.time()?,
            },
            1 => Self::Place(from.place()?, PlaceKind::Directory(from.bytes()?)),
            2 => Self::Place(
                from.place()?,
                PlaceKind::Overlay {
                    lower: from.list(Reader::bytes)?,
                    upper: from.bytes()?,
                    work: from.bytes()?,
                },
            ),
            3 => Self::Version(from.location()?, from.version()?),
            4 => Self::Change(from.location()?, from.change()?),
            5 => Self::Name(from.operation()?),
            6 => Self::Actor(from.actor()?),
            7 => Self::Alias(FileKey(from.wide()?), FileKey(from.wide()?)),
            8 => Self::Hold(from.uid()?),
            9 => Self::Forget(from.uid()?),
            10 => Self::Evicted(FileKey(from.wide()?), from.time()?),
            11 => Self::Home(String::from_utf8(from.bytes()?).ok()?, from.place()?),
            _ => return None,
        })
    }
}

/// The head of an encoded `Version`.
#[derive(Debug, Clone, Copy)]
pub struct Peek<'a> {
    pub key: FileKey,
    pub place: PlaceId,
    pub path: &'a [u8],
    pub time: Time,
    pub pid: u32,
}

pub fn peek(version: &[u8]) -> Option<Peek<'_>> {
    let (_, mut from) = Reader::new(version)?;
    let (key, place, path) = (FileKey(from.wide()?), from.place()?, from.slice()?);
    from.seen()?;
    Some(Peek {
        key,
        place,
        path,
        time: from.time()?,
        pid: from.number()? as u32,
    })
}

struct Reader<'a> {
    rest: &'a [u8],
    is_slim: bool,
}

impl<'a> Reader<'a> {
    /// The record's kind, and what comes after it.
    fn new(record: &'a [u8]) -> Option<(u8, Self)> {
        let (&first, rest) = record.split_first()?;
        let is_slim = first & SLIM != 0;
        Some((first & !SLIM, Self { rest, is_slim }))
    }
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }
    fn slim(&mut self) -> Option<u128> {
        let mut value = 0;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.u8()?;
            value |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
    fn number(&mut self) -> Option<u64> {
        match self.is_slim {
            true => self.slim()?.try_into().ok(),
            false => self.take().map(u64::from_le_bytes),
        }
    }
    fn signed(&mut self) -> Option<i128> {
        match self.is_slim {
            true => self.slim().map(unzigzag),
            false => self.take().map(i128::from_le_bytes),
        }
    }
    fn time(&mut self) -> Option<Time> {
        match self.is_slim {
            true => self.signed()?.try_into().ok(),
            false => self.take().map(Time::from_le_bytes),
        }
    }
    fn place(&mut self) -> Option<PlaceId> {
        self.take().map(u64::from_le_bytes).map(PlaceId)
    }
    fn wide(&mut self) -> Option<u128> {
        self.take().map(u128::from_le_bytes)
    }
    fn length(&mut self) -> Option<usize> {
        match self.is_slim {
            true => self.number().map(|length| length as usize),
            false => self.take().map(|bytes| u32::from_le_bytes(bytes) as usize),
        }
    }
    fn slice(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }
    /// How many bytes are those at the end of the path, and what stands before them.
    fn seen(&mut self) -> Option<(usize, &'a [u8])> {
        let common = if self.is_slim { self.length()? } else { 0 };
        Some((common, self.slice()?))
    }
    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.slice().map(<[u8]>::to_vec)
    }
    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        (0..length).map(|_| each(self)).collect()
    }
    fn uid(&mut self) -> Option<ProcessUid> {
        Some(ProcessUid(self.bytes()?.try_into().ok()?))
    }
    fn key(&mut self) -> Option<Option<FileKey>> {
        let there = self.u8()? == 1;
        let key = FileKey(self.wide()?);
        Some(there.then_some(key))
    }
    fn location(&mut self) -> Option<Location> {
        let (key, place, path) = (FileKey(self.wide()?), self.place()?, self.bytes()?);
        let (common, prefix) = self.seen()?;
        let seen = [prefix, &path[path.len().checked_sub(common)?..]].concat();
        Some(Location {
            key,
            place,
            path,
            seen,
        })
    }
    fn blob(&mut self) -> Option<BlobRef> {
        Some(BlobRef {
            segment: self.number()? as u32,
            offset: self.number()?,
            length: self.number()? as u32,
        })
    }
    fn content(&mut self) -> Option<Content> {
        Some(match self.u8()? {
            0 => Content::Packed(self.list(Self::blob)?),
            4 => Content::Sparse(self.list(|from| Some((from.number()?, from.blob()?)))?),
            5 => Content::Cloned(self.number()?),
            1 => Content::Lower(self.bytes()?),
            2 => Content::Link(self.bytes()?),
            3 => Content::Missing(*Missing::ALL.get(usize::from(self.u8()?))?),
            _ => return None,
        })
    }
    fn version(&mut self) -> Option<Version> {
        let (time, pid) = (self.time()?, self.number()? as u32);
        let content = self.content()?;
        let metadata = Metadata {
            mode: self.number()? as u32,
            uid: self.number()? as u32,
            gid: self.number()? as u32,
            size: self.number()?,
            modified_ns: self.signed()?,
            changed_ns: self.signed()?,
            attributes: self.list(|from| Some((from.bytes()?, from.bytes()?)))?,
        };
        let shape = match self.u8()? {
            0 => None,
            _ => Some(ContentShape {
                size: self.number()?,
                entropy: f32::from_bits(self.number()? as u32),
                format: *FORMATS.get(usize::from(self.u8()?))?,
            }),
        };
        Some(Version {
            time,
            pid,
            content,
            metadata,
            shape,
        })
    }
    fn change(&mut self) -> Option<Change> {
        Some(Change {
            time: self.time()?,
            pid: self.number()? as u32,
            aspect: if self.u8()? == 1 {
                Aspect::Metadata
            } else {
                Aspect::Content
            },
        })
    }
    fn operation(&mut self) -> Option<NameOperation> {
        const KINDS: [NameKind; 5] = [
            NameKind::Create,
            NameKind::Unlink,
            NameKind::Rename,
            NameKind::Exchange,
            NameKind::Link,
        ];
        Some(NameOperation {
            time: self.time()?,
            pid: self.number()? as u32,
            place: self.place()?,
            kind: *KINDS.get(usize::from(self.u8()?))?,
            path: self.bytes()?,
            target: self.bytes()?,
            key: self.key()?,
            replaced: self.key()?,
            directory: self.u8()? == 1,
            seen: self.bytes()?,
        })
    }
    fn actor(&mut self) -> Option<Actor> {
        Some(Actor {
            uid: self.uid()?,
            parent: self.uid()?,
            pid: self.number()? as u32,
            start: self.time()?,
            container: Some(String::from_utf8(self.bytes()?).ok()?).filter(|id| !id.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let location = Location {
            key: FileKey(7 << 90),
            place: PlaceId(3),
            path: b"a\nb\xff".to_vec(),
            seen: b"/a\nb\xff".to_vec(),
        };
        let version = Version {
            time: -5,
            pid: 12,
            content: Content::Packed(vec![BlobRef {
                segment: 2,
                offset: 1 << 33,
                length: 4096,
            }]),
            metadata: Metadata {
                mode: 0o104_755,
                uid: 1,
                gid: 2,
                size: 4096,
                modified_ns: -1,
                changed_ns: 5,
                attributes: vec![(b"user.a".to_vec(), vec![0, 1, 2])],
            },
            shape: Some(ContentShape {
                size: 4096,
                entropy: 7.5,
                format: ContentFormat::Media,
            }),
        };
        let record = Record::Version(location, version);
        assert_eq!(Record::decode(&record.encode()), Some(record));
    }

    #[test]
    fn a_number_of_any_size_reads_back() {
        for time in [0, 1, -1, 63, 64, -64, -65, Time::MAX, Time::MIN] {
            let record = Record::Evicted(FileKey(u128::MAX), time);
            assert_eq!(Record::decode(&record.encode()), Some(record));
        }
        for value in [i128::MAX, i128::MIN, 17_000_000_000_000_000_000] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn a_record_of_the_first_format_is_read() {
        let mut bytes = vec![4];
        bytes.extend((7_u128 << 90).to_le_bytes());
        bytes.extend(3_u64.to_le_bytes());
        for name in [&b"a/b"[..], b"/srv/a/b"] {
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend(name);
        }
        bytes.extend((-5_i64).to_le_bytes());
        bytes.extend(12_u64.to_le_bytes());
        bytes.push(1);
        let location = Location {
            key: FileKey(7 << 90),
            place: PlaceId(3),
            path: b"a/b".to_vec(),
            seen: b"/srv/a/b".to_vec(),
        };
        let change = Change {
            time: -5,
            pid: 12,
            aspect: Aspect::Metadata,
        };
        assert_eq!(Record::decode(&bytes), Some(Record::Change(location, change)));
    }

    #[test]
    fn a_cut_record_is_refused() {
        let bytes = Record::Hold(ProcessUid([9; 16])).encode();
        assert_eq!(Record::decode(&bytes[..bytes.len() - 1]), None);
    }
}
