//! x86-64: the loop around a sample, its mix of instructions, its text.
use iced_x86::{
    Decoder as Instructions, DecoderOptions, FastFormatter, FlowControl, Instruction, Mnemonic, OpKind,
};

use crate::body::{BODY_MAX, Code, Flow, Step, loop_around};
use crate::decoder::{Decoder, LINE_MAX, Loop};
use crate::kernel::Mix;

const FNV_PRIME_32: u64 = 0x0100_0193;
const FNV_PRIME_64: u64 = 0x0100_0000_01b3;

pub struct X86;

impl Decoder for X86 {
    fn look(&self, code: &[u8], base: u64, at: u64) -> Option<Loop> {
        loop_around(&X86Code { code, base }, at)
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
        let Some(mut decoder) = (X86Code { code, base }).instructions(start) else {
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

struct X86Code<'a> {
    code: &'a [u8],
    base: u64,
}

impl<'a> X86Code<'a> {
    fn instructions(&self, from: u64) -> Option<Instructions<'a>> {
        let offset = usize::try_from(from.checked_sub(self.base)?).ok()?;
        let code = self.code.get(offset..)?;
        Some(Instructions::with_ip(64, code, from, DecoderOptions::NONE))
    }
}

impl Code for X86Code<'_> {
    const ALIGNMENT: u64 = 1;
    const LONGEST: u64 = 15;

    fn base(&self) -> u64 {
        self.base
    }

    fn steps(&self, from: u64) -> impl Iterator<Item = Step> {
        let mut instruction = Instruction::default();
        self.instructions(from).into_iter().flat_map(move |mut decoder| {
            std::iter::from_fn(move || {
                decoder.can_decode().then(|| {
                    decoder.decode_out(&mut instruction);
                    step(&instruction)
                })
            })
        })
    }

    fn mix(&self, (start, end): (u64, u64)) -> Mix {
        let mut mix = Mix::default();
        let Some(mut decoder) = self.instructions(start) else {
            return mix;
        };
        let mut instruction = Instruction::default();
        while decoder.can_decode() && decoder.ip() < end && (mix.all as usize) < BODY_MAX {
            decoder.decode_out(&mut instruction);
            count(&mut mix, &instruction);
        }
        mix
    }
}

fn step(instruction: &Instruction) -> Step {
    let flow = match instruction.flow_control() {
        _ if instruction.is_invalid() => Flow::Invalid,
        FlowControl::ConditionalBranch => branch(instruction, true),
        FlowControl::UnconditionalBranch => branch(instruction, false),
        FlowControl::Return
        | FlowControl::IndirectBranch
        | FlowControl::Interrupt
        | FlowControl::Exception => Flow::Leaves,
        _ => Flow::Next,
    };
    let (at, next) = (instruction.ip(), instruction.next_ip());
    let pads = matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3);
    Step { at, next, flow, pads }
}

fn branch(instruction: &Instruction, conditional: bool) -> Flow {
    let target = instruction.near_branch_target();
    Flow::Branch { target, conditional }
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
