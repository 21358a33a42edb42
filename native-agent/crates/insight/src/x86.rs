//! x86-64: the loop around a sample, its mix of instructions, its text.
use iced_x86::{
    Decoder as Instructions, DecoderOptions, FastFormatter, FlowControl, Instruction, Mnemonic, OpKind,
};

use crate::decoder::{Decoder, Loop};
use crate::kernel::Mix;

/// Code looked at before and behind a sample, bytes: an unrolled SHA-256 is 4–6 KiB.
const REACH: (usize, usize) = (2 * 1024, 8 * 1024);
/// Instructions of one body.
const BODY_MAX: usize = 4_096;
/// A stretch of code that is decoded from the wrong byte falls into step within a few instructions.
const STEP_TRIES: usize = 16;
/// Characters of a line of disassembly.
const LINE_MAX: usize = 56;
const FNV_PRIME_32: u64 = 0x0100_0193;
const FNV_PRIME_64: u64 = 0x0100_0000_01b3;

pub struct X86;

impl Decoder for X86 {
    fn reach(&self) -> (usize, usize) {
        REACH
    }

    fn look(&self, code: &[u8], base: u64, at: u64) -> Option<Loop> {
        let (start, end) = body(code, base, at)?;
        Some(Loop {
            start,
            end,
            kernel: mix(code, base, (start, end)).kernel(),
        })
    }

    fn system_call(&self) -> &'static [u8] {
        &[0x0f, 0x05]
    }

    fn disassemble(
        &self,
        (code, base): (&[u8], u64),
        (start, end): (u64, u64),
        lines_max: usize,
    ) -> Vec<String> {
        let Some(mut decoder) = instructions(code, base, start) else {
            return Vec::new();
        };
        let (mut formatter, mut instruction) = (FastFormatter::new(), Instruction::default());
        let mut lines = Vec::new();
        while decoder.can_decode() && decoder.ip() < end && lines.len() < lines_max {
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                break;
            }
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            let line = format!("{:x}  {text}", instruction.ip());
            lines.push(line.chars().take(LINE_MAX).collect());
        }
        lines
    }
}

fn instructions(code: &[u8], base: u64, from: u64) -> Option<Instructions<'_>> {
    let offset = usize::try_from(from.checked_sub(base)?).ok()?;
    let code = code.get(offset..)?;
    Some(Instructions::with_ip(64, code, from, DecoderOptions::NONE))
}

/// Samples gather at loop ends, so the loop is found by a backward branch behind the sample that jumps to or before it:
/// the smallest that is long enough to say something. Where none is, the stretch of straight code stands for itself.
fn body(code: &[u8], base: u64, at: u64) -> Option<(u64, u64)> {
    let mut decoder = instructions(code, base, at)?;
    let mut instruction = Instruction::default();
    for count in 0..BODY_MAX {
        if !decoder.can_decode() {
            break;
        }
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            return (count > 0).then(|| (straight_start(code, base, at), instruction.ip()));
        }
        match instruction.flow_control() {
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                let (target, end) = (instruction.near_branch_target(), instruction.next_ip());
                let goes_on = instruction.flow_control() == FlowControl::ConditionalBranch;
                let is_around = (base..=at).contains(&target);
                if is_around && (!goes_on || is_long(code, base, (target, end))) {
                    return Some((target, end));
                }
            }
            FlowControl::Return
            | FlowControl::IndirectBranch
            | FlowControl::Interrupt
            | FlowControl::Exception => {
                return Some((straight_start(code, base, at), instruction.next_ip()));
            }
            _ => {}
        }
    }
    (decoder.ip() > at).then(|| (at, decoder.ip()))
}

fn is_long(code: &[u8], base: u64, (start, end): (u64, u64)) -> bool {
    // No instruction is longer than 15 bytes, and the mean is above 2.
    end - start >= u64::from(Mix::MIN) * 15 || mix(code, base, (start, end)).all >= Mix::MIN
}

/// Behind the last return, jump away or padding before `at`.
fn straight_start(code: &[u8], base: u64, at: u64) -> u64 {
    let reach = (at - base).min(REACH.0 as u64);
    (0..STEP_TRIES as u64)
        .find_map(|skip| start_in_step(code, base, (at - reach + skip, at)))
        .unwrap_or(at)
}

/// `None`: decoding from here does not come by `at`.
fn start_in_step(code: &[u8], base: u64, (from, at): (u64, u64)) -> Option<u64> {
    let mut decoder = instructions(code, base, from)?;
    let mut instruction = Instruction::default();
    let mut start = from;
    while decoder.can_decode() && decoder.ip() < at {
        decoder.decode_out(&mut instruction);
        let ends = matches!(
            instruction.flow_control(),
            FlowControl::Return
                | FlowControl::IndirectBranch
                | FlowControl::Interrupt
                | FlowControl::Exception
        );
        let pads = matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3);
        if (ends || pads || instruction.is_invalid()) && instruction.next_ip() <= at {
            start = instruction.next_ip();
        }
    }
    (decoder.ip() == at).then_some(start)
}

fn mix(code: &[u8], base: u64, (start, end): (u64, u64)) -> Mix {
    let mut mix = Mix::default();
    let Some(mut decoder) = instructions(code, base, start) else {
        return mix;
    };
    let mut instruction = Instruction::default();
    while decoder.can_decode() && decoder.ip() < end && (mix.all as usize) < BODY_MAX {
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
            mix.shifts += 1;
        }
        M::Xor => {
            mix.words += 1;
            mix.xors += 1;
        }
        M::And
        | M::Or
        | M::Not
        | M::Andn
        | M::Add
        | M::Adc
        | M::Lea
        | M::Sub
        | M::Bswap
        | M::Shl
        | M::Shr => {
            mix.words += 1;
        }
        M::Pxor | M::Vpxor | M::Vpxord | M::Xorps | M::Vxorps | M::Vpternlogd => {
            mix.vectors += 1;
            mix.xors += 1;
        }
        M::Por | M::Pand | M::Pandn | M::Paddd | M::Paddq | M::Pshufb | M::Pshufd => mix.vectors += 1,
        M::Vpor | M::Vpand | M::Vpandn | M::Vpaddd | M::Vpaddq | M::Vpshufb | M::Vpshufd => mix.vectors += 1,
        M::Sha256rnds2 | M::Sha256msg1 | M::Sha256msg2 | M::Sha1rnds4 | M::Sha1msg1 | M::Sha1msg2 => {
            mix.sha += 1;
        }
        M::Aesenc | M::Aesdec | M::Vaesenc | M::Vaesdec => mix.aes += 1,
        M::Imul | M::Mul | M::Mulx | M::Pmulld | M::Vpmulld | M::Pmuludq | M::Vpmuludq => {
            mix.multiplications += 1;
            mix.folds += u32::from(is_fold(instruction));
        }
        M::Addpd | M::Subpd | M::Mulpd | M::Divpd | M::Sqrtpd => mix.floating += 1,
        M::Vaddpd | M::Vsubpd | M::Vmulpd | M::Vdivpd | M::Vsqrtpd => mix.floating += 1,
        _ => {}
    }
}

fn is_fold(instruction: &Instruction) -> bool {
    let last = instruction.op_count().saturating_sub(1);
    let is_immediate = matches!(
        instruction.op_kind(last),
        OpKind::Immediate32 | OpKind::Immediate32to64
    );
    is_immediate && [FNV_PRIME_32, FNV_PRIME_64].contains(&instruction.immediate(last))
}

#[cfg(test)]
#[path = "x86_tests.rs"]
mod tests;
