//! Decoding of machine code, by the kind of CPU.
use std::fmt;

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

/// This kind of CPU's code is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    pub architecture: &'static str,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture } = self;
        write!(
            f,
            "{architecture} code is not decoded: miners are not found by what they compute"
        )
    }
}

/// # Errors
/// When there is no decoder for the CPU this runs on; where code lies can be told nevertheless.
pub fn of_this_cpu() -> Result<Box<dyn Decoder>, Unsupported> {
    of(std::env::consts::ARCH)
}

/// By the name of the architecture, as `std::env::consts::ARCH` has it.
///
/// # Errors
/// When there is no decoder for it.
pub fn of(architecture: &'static str) -> Result<Box<dyn Decoder>, Unsupported> {
    match architecture {
        "x86_64" => Ok(Box::new(crate::x86::X86)),
        "aarch64" => Ok(Box::new(crate::aarch64::AArch64)),
        architecture => Err(Unsupported { architecture }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_is_not_understood_is_said_so_in_a_sentence() {
        assert!(of("x86_64").is_ok() && of("aarch64").is_ok());
        let unsupported = of("riscv64").err().unwrap().to_string();
        assert_eq!(
            unsupported,
            "riscv64 code is not decoded: miners are not found by what they compute"
        );
    }
}
