//! Bytes of a fanotify group, taken apart.
use std::os::fd::{FromRawFd, OwnedFd};

use norn_journal::file::FileKey;
use norn_os::Handle;

const METADATA_BYTES: usize = size_of::<libc::fanotify_event_metadata>();
/// type u8, pad u8, length u16, fsid 2 × u32.
const INFO_BYTES: usize = 12;
/// handle_bytes u32, handle_type i32.
const HANDLE_BYTES: usize = 8;
const INFO_FID: u8 = 1;
const INFO_DFID_NAME: u8 = 2;
const INFO_OLD_DFID_NAME: u8 = 10;
const INFO_NEW_DFID_NAME: u8 = 12;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub directory: FileKey,
    pub name: Vec<u8>,
}

#[derive(Debug)]
pub struct RawEvent {
    pub mask: u64,
    pub pid: u32,
    /// `None` for a group that reports handles, and for an overflow.
    pub fd: Option<OwnedFd>,
    /// The file that the event is about.
    pub key: Option<FileKey>,
    /// Its handle, by which it is opened whatever it is called now.
    pub handle: Option<Handle>,
    pub at: Option<Name>,
    pub old: Option<Name>,
    pub new: Option<Name>,
}

/// The next event, and what follows its head; `None` at the end, or where the kernel speaks another version.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Option<(libc::fanotify_event_metadata, &'a [u8])> {
    if bytes.len() < METADATA_BYTES {
        return None;
    }
    // SAFETY: METADATA_BYTES are there, and the struct is plain integers; no alignment is assumed.
    let head = unsafe {
        bytes
            .as_ptr()
            .cast::<libc::fanotify_event_metadata>()
            .read_unaligned()
    };
    let length = head.event_len as usize;
    if length < METADATA_BYTES || length > bytes.len() || head.vers != libc::FANOTIFY_METADATA_VERSION {
        return None;
    }
    let (event, rest) = bytes.split_at(length);
    *bytes = rest;
    Some((
        head,
        &event[usize::from(head.metadata_len).clamp(METADATA_BYTES, length)..],
    ))
}

/// Events in order. Each descriptor is owned by its event.
pub fn parse(mut bytes: &[u8]) -> Vec<RawEvent> {
    let mut events = Vec::new();
    while let Some((head, rest)) = take(&mut bytes) {
        // SAFETY: the kernel installed this descriptor for the reader of this event, nobody else owns it.
        let fd = (head.fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(head.fd) });
        let mut event = RawEvent {
            mask: head.mask,
            pid: head.pid as u32,
            fd,
            key: None,
            handle: None,
            at: None,
            old: None,
            new: None,
        };
        infos(rest, &mut event);
        events.push(event);
    }
    events
}

fn infos(mut bytes: &[u8], event: &mut RawEvent) {
    while bytes.len() >= INFO_BYTES + HANDLE_BYTES {
        let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        if length < INFO_BYTES + HANDLE_BYTES || length > bytes.len() {
            return;
        }
        let (info, rest) = bytes.split_at(length);
        let Some((file_system, handle, name)) = handle_and_name(info) else {
            bytes = rest;
            continue;
        };
        let key = FileKey::new(file_system, &handle);
        let name = Name { directory: key, name };
        match info[0] {
            INFO_FID => (event.key, event.handle) = (Some(key), Some(handle)),
            INFO_DFID_NAME => event.at = Some(name),
            INFO_OLD_DFID_NAME => event.old = Some(name),
            INFO_NEW_DFID_NAME => event.new = Some(name),
            _ => {}
        }
        bytes = rest;
    }
}

fn handle_and_name(info: &[u8]) -> Option<(u64, Handle, Vec<u8>)> {
    let file_system = u64::from_ne_bytes(info[4..12].try_into().ok()?);
    let size = u32::from_ne_bytes(info[12..16].try_into().ok()?) as usize;
    let kind = i32::from_ne_bytes(info[16..20].try_into().ok()?);
    let bytes = info.get(20..20 + size)?.to_vec();
    let name = info[20 + size..]
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default()
        .to_vec();
    Some((file_system, Handle { kind, bytes }, name))
}
