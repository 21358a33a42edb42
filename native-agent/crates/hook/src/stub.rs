//! How a call site is made to come to the library.
//!
//! A site is a `syscall` instruction and the instructions just before it that make room for a jump (nearly always one, `mov eax, number`).
//! They move into a stub, which calls the library and then jumps back to the `syscall` itself, which stays where it is. So nothing of
//! the library is on the stack while the kernel works: vfork, clone, cancellation and unwinding see what they always saw.

/// The longest run of moved instructions.
pub const MOVED_BYTES: usize = 19;
/// A jump with a 32-bit distance.
pub const JUMP_BYTES: usize = 5;
pub const STUB_BYTES: usize = 48;
/// Before the stubs: the address of the library's entry, then room.
pub const STUBS_OFFSET: usize = 16;

/// `bytes[..len]` at `start`, up to a `syscall`, none of which depends on where it is.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site {
    pub start: u64,
    pub len: u8,
    pub bytes: [u8; MOVED_BYTES],
}

/// The stub for `site`, to be put at `at`; `entry_word` is where the address of the library's entry is. None when they are too far apart.
pub fn stub(site: &Site, at: u64, entry_word: u64) -> Option<[u8; STUB_BYTES]> {
    let mut code = Code {
        bytes: [0xCC; STUB_BYTES],
        len: 0,
        at,
    };
    code.put(site.bytes.get(..site.len as usize)?);
    code.put(&[0x48, 0x8D, 0x64, 0x24, 0x80]); // lea rsp, [rsp - 128]: leaf functions keep things below the stack pointer
    code.put(&[0x9C]); // pushfq
    code.put(&[0xFF, 0x15]); // call [rip + …]
    code.put_distance(entry_word)?;
    code.put(&[0x9D]); // popfq
    code.put(&[0x48, 0x8D, 0xA4, 0x24, 0x80, 0, 0, 0]); // lea rsp, [rsp + 128]
    code.put(&[0xE9]); // jmp
    code.put_distance(site.start + u64::from(site.len))?;
    Some(code.bytes)
}

/// What replaces `site.bytes[..site.len]`: a jump to its stub, and traps where nothing comes.
pub fn patch(site: &Site, stub_at: u64) -> Option<[u8; MOVED_BYTES]> {
    let mut bytes = [0xCC; MOVED_BYTES];
    bytes[0] = 0xE9;
    bytes[1..JUMP_BYTES].copy_from_slice(&distance(site.start + JUMP_BYTES as u64, stub_at)?);
    Some(bytes)
}

/// Where the stub of the site with this number is.
pub fn stub_address(area: u64, number: usize) -> u64 {
    area + (STUBS_OFFSET + number * STUB_BYTES) as u64
}

struct Code {
    bytes: [u8; STUB_BYTES],
    len: usize,
    at: u64,
}

impl Code {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn put_distance(&mut self, to: u64) -> Option<()> {
        let bytes = distance(self.at + self.len as u64 + 4, to)?;
        self.put(&bytes);
        Some(())
    }
}

fn distance(from: u64, to: u64) -> Option<[u8; 4]> {
    i32::try_from(to.wrapping_sub(from) as i64)
        .ok()
        .map(i32::to_le_bytes)
}
