//! What a stretch of machine code spends its time on, by the mix of its instructions.
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};

/// Code looked at before and after the sample, bytes: an unrolled SHA-256 is 4–6 KiB.
pub const REACH_BYTES: usize = 8 * 1024;
/// Shorter bodies say nothing: a random generator is a few rotates and xors too.
const BODY_MIN: u32 = 24;
const BODY_MAX: u32 = 4_096;

/// What a loop computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// The CPU's own SHA instructions.
    ShaInstructions,
    /// Rotate, xor and add on words: SHA-2, Keccak, BLAKE.
    WordHash,
    /// The same in vector registers: scrypt, BLAKE, SHA-2 of several nonces at once.
    VectorHash,
    /// AES rounds on a scratchpad with wide multiplication: CryptoNight.
    Scratchpad,
    /// Floating point mixed with integer multiplication and rotates, as no compiler makes it: RandomX.
    RandomProgram,
}

impl Kernel {
    pub fn name(self) -> &'static str {
        match self {
            Self::ShaInstructions => "sha-instructions",
            Self::WordHash => "word-hash",
            Self::VectorHash => "vector-hash",
            Self::Scratchpad => "aes-scratchpad",
            Self::RandomProgram => "random-program",
        }
    }
}

#[derive(Debug, Default)]
struct Mix {
    all: u32,
    rotates: u32,
    shifts: u32,
    words: u32,
    vectors: u32,
    sha: u32,
    aes: u32,
    multiplications: u32,
    floating: u32,
    branches: u32,
    memory: u32,
}

/// Classifies the loop around `at`. `code` starts at address `base`; `at` is an instruction's address within it.
/// Samples gather at loop ends, so the loop is found by the first backward branch behind the sample that jumps to or
/// before it; straight code up to a return stands for itself.
pub fn classify(code: &[u8], base: u64, at: u64) -> Option<Kernel> {
    let (start, end) = body(code, base, at)?;
    let mix = mix(code, base, (start, end));
    (mix.all >= BODY_MIN).then(|| kernel(&mix)).flatten()
}

fn decoder(code: &[u8], base: u64, from: u64) -> Option<Decoder<'_>> {
    let offset = usize::try_from(from.checked_sub(base)?).ok()?;
    Some(Decoder::with_ip(
        64,
        code.get(offset..)?,
        from,
        DecoderOptions::NONE,
    ))
}

fn body(code: &[u8], base: u64, at: u64) -> Option<(u64, u64)> {
    let mut decoder = decoder(code, base, at)?;
    let mut instruction = Instruction::default();
    for _ in 0..BODY_MAX {
        if !decoder.can_decode() {
            break;
        }
        decoder.decode_out(&mut instruction);
        let target = instruction.near_branch_target();
        match instruction.flow_control() {
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
                if target <= at && target >= base =>
            {
                return Some((target, instruction.next_ip()));
            }
            FlowControl::Return
            | FlowControl::IndirectBranch
            | FlowControl::Interrupt
            | FlowControl::Exception => {
                return Some((at, instruction.ip()));
            }
            _ if instruction.is_invalid() => return None,
            _ => {}
        }
    }
    Some((at, instruction.ip()))
}

fn mix(code: &[u8], base: u64, (start, end): (u64, u64)) -> Mix {
    let mut mix = Mix::default();
    let Some(mut decoder) = decoder(code, base, start) else {
        return mix;
    };
    let mut instruction = Instruction::default();
    while decoder.can_decode() && decoder.ip() < end && mix.all < BODY_MAX {
        decoder.decode_out(&mut instruction);
        count(&mut mix, &instruction);
    }
    mix
}

fn count(mix: &mut Mix, instruction: &Instruction) {
    use Mnemonic as M;
    mix.all += 1;
    mix.branches += u32::from(instruction.flow_control() != FlowControl::Next);
    mix.memory += u32::from((0..instruction.op_count()).any(|at| instruction.op_kind(at) == OpKind::Memory));
    match instruction.mnemonic() {
        M::Ror | M::Rol | M::Rorx | M::Shrd | M::Shld => mix.rotates += 1,
        M::Vprold | M::Vprolq | M::Vprord | M::Vprorq => {
            mix.rotates += 1;
            mix.vectors += 1;
        }
        M::Psrld | M::Pslld | M::Psrlq | M::Psllq | M::Vpsrld | M::Vpslld | M::Vpsrlq | M::Vpsllq => {
            mix.shifts += 1
        }
        M::Xor | M::And | M::Or | M::Not | M::Andn | M::Add | M::Adc | M::Lea | M::Sub | M::Bswap => {
            mix.words += 1
        }
        M::Pxor | M::Por | M::Pand | M::Pandn | M::Paddd | M::Paddq | M::Pshufb | M::Pshufd | M::Xorps => {
            mix.vectors += 1;
        }
        M::Vpxor
        | M::Vpor
        | M::Vpand
        | M::Vpandn
        | M::Vpaddd
        | M::Vpaddq
        | M::Vpshufb
        | M::Vpshufd
        | M::Vpxord
        | M::Vpternlogd => mix.vectors += 1,
        M::Sha256rnds2 | M::Sha256msg1 | M::Sha256msg2 | M::Sha1rnds4 | M::Sha1msg1 | M::Sha1msg2 => {
            mix.sha += 1
        }
        M::Aesenc | M::Aesdec | M::Vaesenc | M::Vaesdec => mix.aes += 1,
        M::Imul | M::Mul | M::Mulx => mix.multiplications += 1,
        M::Addpd | M::Subpd | M::Mulpd | M::Divpd | M::Sqrtpd => mix.floating += 1,
        M::Vaddpd | M::Vsubpd | M::Vmulpd | M::Vdivpd | M::Vsqrtpd => mix.floating += 1,
        _ => {}
    }
}

/// Shares of all instructions, per cent. SHA-256 in plain code has 18–25 % rotates and 45–60 % word operations, Keccak
/// 15 and 60; compressors, hash tables and string code stay below 4 % rotates or branch more than every 15th instruction.
fn kernel(mix: &Mix) -> Option<Kernel> {
    let share = |count: u32| count * 100 / mix.all;
    let straight = share(mix.branches) <= 5;
    if share(mix.sha) >= 5 {
        Some(Kernel::ShaInstructions)
    } else if straight && share(mix.rotates) >= 9 && share(mix.words) >= 38 && share(mix.multiplications) <= 5
    {
        Some(Kernel::WordHash)
    } else if straight
        && share(mix.shifts + mix.rotates) >= 8
        && share(mix.vectors) >= 38
        && share(mix.aes) == 0
    {
        Some(Kernel::VectorHash)
    } else if (2..12).contains(&share(mix.aes))
        && mix.multiplications > 0
        && share(mix.memory) >= 15
        && mix.all <= 160
    {
        Some(Kernel::Scratchpad)
    } else if share(mix.floating) >= 12
        && share(mix.multiplications) >= 4
        && share(mix.rotates + mix.words) >= 12
    {
        Some(Kernel::RandomProgram)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
