//! Which decoder understands the machine code of which CPU.
use std::fmt;

use crate::aarch64::AArch64;
use crate::decoder::Decoder;
use crate::x86::X86;

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
        "x86_64" => Ok(Box::new(X86)),
        "aarch64" => Ok(Box::new(AArch64)),
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
