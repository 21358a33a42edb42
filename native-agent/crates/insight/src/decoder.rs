//! Decoding of machine code, by the kind of CPU.
use crate::kernel::Kernel;

/// Characters of a line of disassembly.
pub(crate) const LINE_MAX: usize = 56;

/// The stretch of code that a sample stands for: the loop around it, or straight code up to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    pub start: u64,
    /// Behind the last instruction.
    pub end: u64,
    pub kernel: Option<Kernel>,
}

/// Understands the machine code of one kind of CPU.
pub trait Decoder: Send {
    /// Code to be read before and behind a sample, bytes: an unrolled SHA-256 is 4–6 KiB.
    fn reach(&self) -> (usize, usize) {
        (2 * 1024, 8 * 1024)
    }

    /// `code` starts at address `base`; `at` is an instruction's address within it. `None`: this is no code.
    fn look(&self, code: &[u8], base: u64, at: u64) -> Option<Loop>;

    /// The instruction that asks the kernel for something; a thread in the kernel is behind it.
    fn system_call(&self) -> &'static [u8];

    /// The instructions between two addresses, a line each, at most `lines_max`. `code`: bytes, and where they begin.
    fn disassemble(&self, code: (&[u8], u64), range: (u64, u64), lines_max: usize) -> Vec<String>;
}
