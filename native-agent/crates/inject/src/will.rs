//! What a borrowed thread does by itself should the injector be killed: it goes back to what it did.
//!
//! The kernel lets go of a dead tracer's threads as they are. So each call that a thread makes for the injector returns, should nobody be there any more, into
//! `rt_sigreturn` with a frame that holds what the thread was: registers, vector registers, signal mask, and before that into such frames of calls that undo. They lie
//! below its stack's red zone, where nothing is the program's, since a signal could be handled there at any moment; what was there is put back all the same.
use std::fs::File;
use std::io;
use std::mem::{offset_of, size_of};
use std::os::unix::fs::FileExt;

use libc::user_regs_struct as Registers;
use nix::errno::Errno;

/// Leaf functions keep things below the stack pointer.
const RED_ZONE: u64 = 128;
/// What it was, its turns on the CPU, its memory, two descriptors.
const FRAMES_MAX: usize = 6;
const SLOT_BYTES: u64 = size_of::<Frame>().next_multiple_of(16) as u64;
const VECTOR_BYTES_MAX: usize = 16 << 10;
const SYSCALL_BYTES: u64 = 2;
/// Says "the thread's registers" to `ptrace`.
const X_STATE: usize = 0x202;

/// Instructions of a library that end in what a thread needs to come back by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gadgets {
    /// `syscall; ret`.
    pub call: u64,
    /// `mov rax, 15; syscall`: where a signal handler returns to.
    pub restore: u64,
}

/// The kernel's `struct rt_sigframe` as far as it reads it.
#[repr(C)]
struct Frame {
    returns_to: u64,
    flags: u64,
    link: u64,
    /// Address, flags, length.
    alternate_stack: [u64; 3],
    context: Context,
    mask: u64,
}

/// The kernel's `struct sigcontext_64`.
#[repr(C)]
struct Context {
    general: [u64; 18],
    segments: [u16; 4],
    faults: [u64; 4],
    vector: u64,
    reserved: [u64; 8],
}

/// What a frame says of vector registers: they are there, and the segments are to be as they are given.
const FLAGS: u64 = 0x7;
/// No such state: the kernel then leaves the thread's alternate stack as it is, which nobody can ask it for.
const STACK_AS_IT_IS: u64 = 0x7;

pub struct Will {
    gadgets: Gadgets,
    /// Where the frames begin; each next one lies below the last.
    top: u64,
    frames: usize,
    vector: u64,
    /// The lowest address that is written to, and what was there.
    low: u64,
    saved: Vec<u8>,
    original: Registers,
}

impl Will {
    /// Written below the thread's stack; the thread has to be stopped. `mask` is its signal mask.
    pub fn write(
        (tid, original, mask): (i32, Registers, u64),
        gadgets: Gadgets,
        memory: &File,
    ) -> io::Result<Self> {
        let state = vector_state(tid)?;
        let end = original.rsp.wrapping_sub(RED_ZONE);
        let vector = end.wrapping_sub(state.len() as u64) & !63;
        let top = vector & !15;
        let low = top.wrapping_sub(FRAMES_MAX as u64 * SLOT_BYTES);
        let mut saved = vec![0; (end - low) as usize];
        memory.read_exact_at(&mut saved, low)?;
        let mut will = Self {
            gadgets,
            top,
            frames: 0,
            vector,
            low,
            saved,
            original,
        };
        memory.write_all_at(&state, vector)?;
        will.add(as_restarted(original), mask, memory)?;
        Ok(will)
    }

    /// Before all that was added so far, this call is made.
    pub fn add_call(&mut self, number: i64, args: [u64; 6], memory: &File) -> io::Result<()> {
        let registers = self.calling(number, args);
        // No handler runs before everything is undone.
        self.add(registers, u64::MAX, memory)
    }

    /// No longer what was added last.
    pub fn forget_last(&mut self) {
        self.frames -= usize::from(self.frames > 1);
    }

    /// The thread makes a call, and then what is left to do.
    pub fn calling(&self, number: i64, args: [u64; 6]) -> Registers {
        let mut registers = self.original;
        (registers.rip, registers.rsp) = (self.gadgets.call, self.head());
        (registers.rax, registers.orig_rax) = (number as u64, u64::MAX);
        [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ] = args;
        registers
    }

    /// The thread does what is left to do.
    pub fn returning(&self) -> Registers {
        let mut registers = self.original;
        (registers.rip, registers.rsp) = (self.gadgets.restore, self.head() + 8);
        registers.orig_rax = u64::MAX;
        registers
    }

    /// Once the thread has its own registers again.
    pub fn erase(&self, memory: &File) -> io::Result<()> {
        memory.write_all_at(&self.saved, self.low)
    }

    /// Room for what a call of the will is given a pointer to.
    pub fn put(&self, bytes: &[u8], memory: &File) -> io::Result<u64> {
        let at = self.low;
        debug_assert!(bytes.len() as u64 <= SLOT_BYTES);
        memory.write_all_at(bytes, at)?;
        Ok(at)
    }

    fn head(&self) -> u64 {
        self.top - self.frames as u64 * SLOT_BYTES
    }

    fn add(&mut self, registers: Registers, mask: u64, memory: &File) -> io::Result<()> {
        // The lowest place is for `put`.
        if self.frames + 1 >= FRAMES_MAX {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        let frame = Frame {
            returns_to: self.gadgets.restore,
            flags: FLAGS,
            link: 0,
            alternate_stack: [0, STACK_AS_IT_IS, 0],
            context: context(&registers, self.vector),
            mask,
        };
        // SAFETY: plain numbers without gaps.
        let bytes =
            unsafe { std::slice::from_raw_parts((&raw const frame).cast::<u8>(), size_of::<Frame>()) };
        memory.write_all_at(bytes, self.head() - SLOT_BYTES)?;
        self.frames += 1;
        Ok(())
    }
}

fn context(of: &Registers, vector: u64) -> Context {
    Context {
        general: [
            of.r8, of.r9, of.r10, of.r11, of.r12, of.r13, of.r14, of.r15, of.rdi, of.rsi, of.rbp, of.rbx,
            of.rdx, of.rax, of.rcx, of.rsp, of.rip, of.eflags,
        ],
        segments: [of.cs as u16, 0, 0, of.ss as u16],
        faults: [0; 4],
        vector,
        reserved: [0; 8],
    }
}

/// What the kernel does itself to a thread that a tracer stopped in the middle of a call: it makes the call again. One that would go on with what is left of
/// its time begins anew instead, since `rt_sigreturn` forgets what was left: a sleep is longer then, and never an error.
fn as_restarted(mut registers: Registers) -> Registers {
    const RESTARTS: [i64; 4] = [-512, -513, -514, -516];
    if registers.orig_rax as i64 >= 0 && RESTARTS.contains(&(registers.rax as i64)) {
        registers.rax = registers.orig_rax;
        registers.rip -= SYSCALL_BYTES;
    }
    registers
}

/// The thread's vector registers as a signal's frame has them.
fn vector_state(tid: i32) -> io::Result<Vec<u8>> {
    let mut state = vec![0u8; VECTOR_BYTES_MAX];
    let mut part = libc::iovec {
        iov_base: state.as_mut_ptr().cast(),
        iov_len: state.len(),
    };
    // SAFETY: the thread is stopped for us; the kernel writes at most as many bytes as there are, and says how many.
    Errno::result(unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, X_STATE, &raw mut part) })?;
    state.truncate(part.iov_len);
    xsave::as_in_frame(&mut state).ok_or(io::Error::from(io::ErrorKind::Unsupported))?;
    Ok(state)
}

/// The processor's own layout of its vector registers (Intel's manual, volume 1, chapter 13) and what Linux writes into it for a signal.
mod xsave {
    use std::arch::x86_64::__cpuid_count;

    /// Where Linux says which registers there are: to `ptrace` as a mask alone, in a frame as `struct _fpx_sw_bytes`.
    const SOFTWARE: usize = 464;
    const HEADER: usize = 512;
    const LEGACY_BYTES: usize = 576;
    const MAGIC: u32 = 0x4650_5853;
    const MAGIC_END: u32 = 0x4650_5845;
    /// Large registers, of which a thread has to ask for room first: one that uses none has no room for them.
    const ON_DEMAND: u64 = 1 << 18;

    /// None when it is not what the kernel writes.
    pub fn as_in_frame(state: &mut Vec<u8>) -> Option<()> {
        let word = |at: usize| Some(u64::from_le_bytes(state.get(at..at + 8)?.try_into().ok()?));
        let (there, used) = (word(SOFTWARE)?, word(HEADER)?);
        let features = if used & ON_DEMAND == 0 {
            there & !ON_DEMAND
        } else {
            there
        };
        let bytes = (2..63)
            .filter(|bit| features >> bit & 1 == 1)
            .map(end)
            .max()
            .unwrap_or(0)
            .max(LEGACY_BYTES);
        if bytes > state.len() {
            return None;
        }
        state.truncate(bytes);
        let mut software = [0u8; HEADER - SOFTWARE];
        software[..4].copy_from_slice(&MAGIC.to_le_bytes());
        software[4..8].copy_from_slice(&(bytes as u32 + 4).to_le_bytes());
        software[8..16].copy_from_slice(&features.to_le_bytes());
        software[16..20].copy_from_slice(&(bytes as u32).to_le_bytes());
        state[SOFTWARE..HEADER].copy_from_slice(&software);
        state.extend_from_slice(&MAGIC_END.to_le_bytes());
        Some(())
    }

    /// Where this set of registers ends.
    fn end(bit: u32) -> usize {
        let found = __cpuid_count(0xD, bit);
        (found.ebx + found.eax) as usize
    }
}

const _: () =
    assert!(size_of::<Frame>() == 312 && offset_of!(Frame, context) == 48 && offset_of!(Frame, mask) == 304);

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(rax: i64, orig_rax: i64) -> Registers {
        // SAFETY: plain numbers.
        let mut registers: Registers = unsafe { std::mem::zeroed() };
        (registers.rax, registers.orig_rax, registers.rip) = (rax as u64, orig_rax as u64, 0x1002);
        registers
    }

    #[test]
    fn an_interrupted_call_is_made_again_and_all_else_is_as_it_was() {
        let read = as_restarted(registers(-512, libc::SYS_read));
        assert_eq!((read.rax as i64, read.rip), (libc::SYS_read, 0x1000));
        let done = as_restarted(registers(7, libc::SYS_read));
        assert_eq!((done.rax, done.rip), (7, 0x1002));
        let computing = as_restarted(registers(-512, -1));
        assert_eq!((computing.rax as i64, computing.rip), (-512, 0x1002));
    }
}
