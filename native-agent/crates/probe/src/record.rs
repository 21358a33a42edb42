//! A record as the kernel side wrote it: the layout of bpf/include/record.h, and the texts put together from it.
use norn_events::{Capabilities, Credentials, EventKind};

pub const SLOTS: usize = 6;

/// `enum record_slot`.
#[derive(Debug, Clone, Copy)]
pub enum Slot {
    Facts = 0,
    Name = 1,
    Base = 2,
    TargetName = 3,
    TargetBase = 4,
    Environment = 5,
}

/// `KIND_CGROUP`: never leaves the agent.
pub const KIND_CGROUP: u8 = 200;

/// `enum record_mark`.
pub const MARK_PSEUDO: u8 = 1;
pub const MARK_KERNEL_THREAD: u8 = 4;

/// `struct record`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Header {
    pub time_ns: u64,
    pub start_time_ns: u64,
    pub cgroup_id: u64,
    pub value: u64,
    pub sequence: u32,
    pub tgid: u32,
    pub tid: u32,
    pub user_id: u32,
    pub group_id: u32,
    pub flags: u32,
    pub result: i32,
    pub cpu: u16,
    pub kind: u8,
    pub marks: u8,
    pub slot_bytes: [u16; SLOTS],
    pub reserved: [u16; 2],
}

/// `struct lifecycle_facts`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct LifecycleFacts {
    pub parent_start_time_ns: u64,
    pub parent_tgid: u32,
    pub namespace_pid: u32,
    pub inode: u64,
    pub size: u64,
    pub mtime_ns: u64,
    pub ctime_ns: u64,
    pub device: u32,
    pub mode: u32,
    pub image_flags: u32,
    pub login_user_id: u32,
    pub session_id: u32,
    pub reserved: u32,
    pub capabilities: [u64; 5],
    pub terminal: [u8; 16],
}

impl LifecycleFacts {
    pub fn credentials(&self) -> Credentials {
        let [effective, permitted, inheritable, ambient, bounding] = self.capabilities;
        Credentials {
            login_user_id: self.login_user_id,
            session_id: self.session_id,
            terminal: self.terminal,
            capabilities: Capabilities {
                effective,
                permitted,
                inheritable,
                ambient,
                bounding,
            },
        }
    }
}

/// `struct socket_facts`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct SocketFacts {
    pub remote: [u8; 16],
    pub local: [u8; 16],
    pub family: u16,
    pub protocol: u16,
    pub remote_port: u16,
    pub local_port: u16,
}

/// Structs of integers only, without padding: any bytes are a value.
trait Plain: Copy {}
impl Plain for Header {}
impl Plain for LifecycleFacts {}
impl Plain for SocketFacts {}

fn read_plain<T: Plain>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: there are enough bytes, `read_unaligned` asks for no alignment, and every bit pattern is a `Plain` value.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// One record, borrowed from its ring.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub header: Header,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`; `None` when they are not one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header: Header = read_plain(bytes)?;
        let length: usize = header.slot_bytes.iter().map(|&bytes| usize::from(bytes)).sum();
        let data = bytes.get(size_of::<Header>()..size_of::<Header>() + length)?;
        Some(Self { header, data })
    }

    /// All records one behind the other, as the task iterator writes them.
    pub fn parse_all(mut bytes: &'a [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let record = Self::parse(bytes)?;
            bytes = &bytes[size_of::<Header>() + record.data.len()..];
            Some(record)
        })
    }

    pub fn kind(&self) -> Option<EventKind> {
        EventKind::try_from(i32::from(self.header.kind)).ok()
    }

    pub fn slot(&self, slot: Slot) -> &'a [u8] {
        let before = &self.header.slot_bytes[..slot as usize];
        let start: usize = before.iter().map(|&bytes| usize::from(bytes)).sum();
        &self.data[start..start + usize::from(self.header.slot_bytes[slot as usize])]
    }

    pub fn lifecycle(&self) -> LifecycleFacts {
        read_plain(self.slot(Slot::Facts)).unwrap_or_default()
    }

    pub fn socket(&self) -> SocketFacts {
        read_plain(self.slot(Slot::Facts)).unwrap_or_default()
    }

    /// The path of slots Base and Name, absolute, into `path`.
    pub fn path_into(&self, path: &mut Vec<u8>) {
        let pseudo = self.header.marks & MARK_PSEUDO != 0;
        write_path(path, self.slot(Slot::Base), self.slot(Slot::Name), pseudo);
    }

    /// The path of slot Base alone: Name holds something else (arguments, a thread's name).
    pub fn base_into(&self, path: &mut Vec<u8>) {
        let pseudo = self.header.marks & MARK_PSEUDO != 0;
        write_path(path, self.slot(Slot::Base), b"", pseudo);
    }

    /// Likewise of slots TargetBase and TargetName.
    pub fn target_into(&self, path: &mut Vec<u8>) {
        write_path(
            path,
            self.slot(Slot::TargetBase),
            self.slot(Slot::TargetName),
            false,
        );
    }
}

/// `base` holds names from the leaf up, each ended by a zero byte; `name` is relative to it, or absolute.
pub fn write_path(path: &mut Vec<u8>, base: &[u8], name: &[u8], pseudo: bool) {
    path.clear();
    if name.first() != Some(&b'/') {
        write_walk(path, base, pseudo);
    }
    if name.is_empty() {
        if path.is_empty() && !pseudo {
            path.push(b'/');
        }
        return;
    }
    if path.last() != Some(&b'/') && name.first() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    if needs_tidying(name) {
        tidy(path);
    }
}

fn write_walk(path: &mut Vec<u8>, base: &[u8], pseudo: bool) {
    let names = base.strip_suffix(&[0]).unwrap_or(base);
    if names.is_empty() {
        return;
    }
    for part in names.rsplit(|&byte| byte == 0) {
        if !pseudo {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
}

/// Whether a caller's name has ".", "..", "//" or a slash at its end.
fn needs_tidying(name: &[u8]) -> bool {
    name.last() == Some(&b'/')
        || name.starts_with(b".")
        || name.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

/// Resolves ".", ".." and "//" by the text; symbolic links in the middle stay as they are.
fn tidy(path: &mut Vec<u8>) {
    let mut tidied: Vec<u8> = Vec::with_capacity(path.len());
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = tidied.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                tidied.truncate(parent);
            }
            _ => {
                tidied.push(b'/');
                tidied.extend_from_slice(part);
            }
        }
    }
    if tidied.is_empty() {
        tidied.push(b'/');
    }
    *path = tidied;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(base: &[u8], name: &[u8]) -> String {
        let mut path = Vec::new();
        write_path(&mut path, base, name, false);
        String::from_utf8(path).unwrap()
    }

    #[test]
    fn a_walk_is_turned_round() {
        assert_eq!(path(b"passwd\0etc\0", b""), "/etc/passwd");
        assert_eq!(path(b"", b""), "/");
    }

    #[test]
    fn a_name_is_relative_to_its_directory_unless_it_is_absolute() {
        assert_eq!(path(b"data\0srv\0", b"a/b"), "/srv/data/a/b");
        assert_eq!(path(b"", b"a"), "/a");
        assert_eq!(path(b"data\0srv\0", b"/tmp/x"), "/tmp/x");
    }

    #[test]
    fn dots_and_doubled_slashes_are_resolved() {
        assert_eq!(path(b"data\0srv\0", b"../x"), "/srv/x");
        assert_eq!(path(b"data\0srv\0", b"./a//b/../c/"), "/srv/data/a/c");
        assert_eq!(path(b"", b"../../etc"), "/etc");
        assert_eq!(path(b"srv\0", b"..hidden/.x"), "/srv/..hidden/.x");
        assert_eq!(path(b"srv\0", b".."), "/");
    }

    #[test]
    fn a_memfd_keeps_its_name() {
        let mut path = Vec::new();
        write_path(&mut path, b"memfd:x\0", b"", true);
        assert_eq!(path, b"memfd:x");
    }

    #[test]
    fn bytes_that_are_too_few_are_no_record() {
        assert!(Record::parse(&[0; 79]).is_none());
        let mut bytes = [0; size_of::<Header>()];
        bytes[std::mem::offset_of!(Header, slot_bytes)] = 1;
        assert!(Record::parse(&bytes).is_none());
    }

    /// `record_layout` of bpf/norn.bpf.c, as the C compiler made it.
    fn layout_of_c() -> Vec<u32> {
        let object = include_bytes!(concat!(env!("OUT_DIR"), "/norn.bpf.o"));
        let object = libbpf_rs::ObjectBuilder::default()
            .open_memory(object)
            .expect("the object opens");
        let map = object
            .maps()
            .find(|map| map.name().to_string_lossy().ends_with(".rodata"))
            .expect("it has constants");
        let words = map.initial_value().expect("they have values").chunks_exact(4);
        let words: Vec<u32> = words
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        // The linker may put other constants first; the layout begins with the size of a record.
        let start = words
            .windows(3)
            .position(|window| window == [size_of::<Header>() as u32, 0, 8]);
        words[start.expect("a record is as large in C as in Rust")..].to_vec()
    }

    #[test]
    fn c_and_rust_agree_on_every_field() {
        use std::mem::offset_of;
        let rust = [
            size_of::<Header>(),
            offset_of!(Header, time_ns),
            offset_of!(Header, start_time_ns),
            offset_of!(Header, cgroup_id),
            offset_of!(Header, value),
            offset_of!(Header, sequence),
            offset_of!(Header, tgid),
            offset_of!(Header, tid),
            offset_of!(Header, user_id),
            offset_of!(Header, group_id),
            offset_of!(Header, flags),
            offset_of!(Header, result),
            offset_of!(Header, cpu),
            offset_of!(Header, kind),
            offset_of!(Header, marks),
            offset_of!(Header, slot_bytes),
            size_of::<LifecycleFacts>(),
            offset_of!(LifecycleFacts, parent_start_time_ns),
            offset_of!(LifecycleFacts, parent_tgid),
            offset_of!(LifecycleFacts, namespace_pid),
            offset_of!(LifecycleFacts, inode),
            offset_of!(LifecycleFacts, size),
            offset_of!(LifecycleFacts, mtime_ns),
            offset_of!(LifecycleFacts, ctime_ns),
            offset_of!(LifecycleFacts, device),
            offset_of!(LifecycleFacts, mode),
            offset_of!(LifecycleFacts, image_flags),
            offset_of!(LifecycleFacts, login_user_id),
            offset_of!(LifecycleFacts, session_id),
            offset_of!(LifecycleFacts, capabilities),
            offset_of!(LifecycleFacts, terminal),
            size_of::<SocketFacts>(),
            offset_of!(SocketFacts, remote),
            offset_of!(SocketFacts, local),
            offset_of!(SocketFacts, family),
            offset_of!(SocketFacts, protocol),
            offset_of!(SocketFacts, remote_port),
            offset_of!(SocketFacts, local_port),
            // `struct sensitive_key`, `struct sensitive_names` of sensitive.rs.
            80,
            40,
            1_024,
            512,
        ];
        let rust: Vec<u32> = rust.map(|offset| offset as u32).to_vec();
        assert_eq!(layout_of_c()[..rust.len()], rust);
    }
}
