//! What a preloaded library finds out about its process at its start, from /proc: the two libcs tell a library's start different things.
use crate::system::{checked, close, number};

pub const DOOR_VARIABLE: &str = "NORN_HOOK";

/// A program with other rights than whoever started it is left alone. The loader does not preload there either; this is the second lock.
pub fn is_secure() -> bool {
    const AT_SECURE: u64 = 23;
    let mut entries = [[0u64; 2]; 64];
    let Ok(descriptor) = open(b"/proc/self/auxv\0") else {
        return true;
    };
    let bytes = checked(
        number::READ,
        [
            descriptor,
            (&raw mut entries) as u64,
            size_of_val(&entries) as u64,
            0,
            0,
            0,
        ],
    );
    close(descriptor);
    bytes.is_err()
        || entries
            .iter()
            .find(|entry| entry[0] == AT_SECURE)
            .is_none_or(|entry| entry[1] != 0)
}

fn open(path: &[u8]) -> Result<u64, i64> {
    const CWD: u64 = -100i64 as u64;
    const CLOSE_ON_EXEC: u64 = 0o2_000_000;
    checked(
        number::OPENAT,
        [CWD, path.as_ptr() as u64, CLOSE_ON_EXEC, 0, 0, 0],
    )
}

/// Finds the door's variable among those that the program was started with; musl hands none to a library's start.
pub fn environment(door: &mut [u8; 110]) -> bool {
    let Ok(descriptor) = open(b"/proc/self/environ\0") else {
        return false;
    };
    let mut finder = Finder {
        door,
        len: 0,
        matched: 0,
        state: Finding::Name,
    };
    let mut chunk = [0u8; 4096];
    while let Ok(bytes @ 1..) = checked(
        number::READ,
        [descriptor, (&raw mut chunk) as u64, chunk.len() as u64, 0, 0, 0],
    ) {
        if chunk[..bytes as usize].iter().any(|byte| finder.take(*byte)) {
            break;
        }
    }
    close(descriptor);
    finder.state == Finding::Done
}

#[derive(PartialEq)]
enum Finding {
    Name,
    Other,
    Value,
    Done,
}

struct Finder<'a> {
    door: &'a mut [u8; 110],
    len: usize,
    matched: usize,
    state: Finding,
}

impl Finder<'_> {
    /// Whether the value is complete.
    fn take(&mut self, byte: u8) -> bool {
        let name = DOOR_VARIABLE.as_bytes();
        match self.state {
            Finding::Value if byte == 0 => self.state = Finding::Done,
            Finding::Value => match self.door.get_mut(2 + self.len) {
                Some(to) => (*to, self.len) = (byte, self.len + 1),
                None => self.state = Finding::Other,
            },
            Finding::Done => {}
            _ if byte == 0 => (self.state, self.matched) = (Finding::Name, 0),
            Finding::Name if self.matched == name.len() && byte == b'=' => self.state = Finding::Value,
            Finding::Name if name.get(self.matched) == Some(&byte) => self.matched += 1,
            Finding::Name | Finding::Other => self.state = Finding::Other,
        }
        self.state == Finding::Done
    }
}
