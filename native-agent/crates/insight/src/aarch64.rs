//! AArch64: the loop around a sample, its mix of instructions, its text.
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand, SIMDSizeCode, ShiftStyle};

use crate::body::{BODY_MAX, Code, Flow, Step, loop_around};
use crate::decoder::{Decoder, LINE_MAX, Loop};
use crate::kernel::Mix;

/// Of every instruction.
const BYTES: usize = 4;
/// The FNV prime of 32 bits, as two instructions load it: low half, then high half.
const FNV_PRIME_LOW: u16 = 0x0193;
const FNV_PRIME_HIGH: u16 = 0x0100;

pub struct AArch64;

impl Decoder for AArch64 {
    fn look(&self, code: &[u8], base: u64, at: u64) -> Option<Loop> {
        loop_around(&AArch64Code { code, base }, at)
    }

    fn system_call(&self) -> &'static [u8] {
        &[0x01, 0x00, 0x00, 0xd4]
    }

    fn disassemble(
        &self,
        (code, base): (&[u8], u64),
        (start, end): (u64, u64),
        lines_max: usize,
    ) -> Vec<String> {
        let code = AArch64Code { code, base };
        let within = code.instructions(start).take_while(|&(at, _)| at < end);
        within
            .map_while(|(at, instruction)| Some(format!("{at:x}  {}", instruction?)))
            .map(|line| line.chars().take(LINE_MAX).collect())
            .take(lines_max)
            .collect()
    }
}

struct AArch64Code<'a> {
    code: &'a [u8],
    base: u64,
}

impl<'a> AArch64Code<'a> {
    /// With their addresses; `None` is none.
    fn instructions(&self, from: u64) -> impl Iterator<Item = (u64, Option<Instruction>)> + use<'a> {
        let offset = from
            .checked_sub(self.base)
            .and_then(|offset| usize::try_from(offset).ok());
        let code = offset
            .and_then(|offset| self.code.get(offset..))
            .unwrap_or_default();
        let decoder = InstDecoder::default();
        (from..)
            .step_by(BYTES)
            .zip(code.chunks_exact(BYTES))
            .map(move |(at, word)| (at, decoder.decode(&mut U8Reader::new(word)).ok()))
    }

    /// The prime stays in a register, and is loaded before the loop.
    fn holds_fnv_prime(&self, end: u64) -> bool {
        let before = self.instructions(self.base).take_while(|&(at, _)| at < end);
        let mut halves = [false; 2];
        for instruction in before.filter_map(|(_, instruction)| instruction) {
            for operand in instruction.operands {
                halves[0] |= matches!(
                    operand,
                    Operand::Imm16(FNV_PRIME_LOW) | Operand::ImmShift(FNV_PRIME_LOW, 0)
                );
                halves[0] |= operand == Operand::Immediate(FNV_PRIME_LOW.into());
                halves[1] |= operand == Operand::ImmShift(FNV_PRIME_HIGH, 16);
            }
        }
        halves == [true; 2]
    }
}

impl Code for AArch64Code<'_> {
    const ALIGNMENT: u64 = BYTES as u64;
    const LONGEST: u64 = BYTES as u64;

    fn base(&self) -> u64 {
        self.base
    }

    fn steps(&self, from: u64) -> impl Iterator<Item = Step> {
        self.instructions(from).map(|(at, instruction)| Step {
            at,
            next: at + BYTES as u64,
            flow: instruction
                .as_ref()
                .map_or(Flow::Invalid, |instruction| flow(at, instruction)),
            pads: instruction.is_some_and(|instruction| instruction.opcode == Opcode::HINT),
        })
    }

    fn mix(&self, (start, end): (u64, u64)) -> Mix {
        let mut mix = Mix::default();
        let within = self
            .instructions(start)
            .take_while(|&(at, _)| at < end)
            .take(BODY_MAX);
        for instruction in within.filter_map(|(_, instruction)| instruction) {
            count(&mut mix, &instruction);
        }
        if mix.multiplications > 0 && self.holds_fnv_prime(end) {
            mix.folds = mix.multiplications;
        }
        mix
    }
}

fn flow(at: u64, instruction: &Instruction) -> Flow {
    use Opcode as O;
    match instruction.opcode {
        O::B => branch(at, instruction, false),
        O::Bcc(_) | O::CBZ | O::CBNZ | O::TBZ | O::TBNZ => branch(at, instruction, true),
        O::BR | O::RET | O::RETAA | O::RETAB | O::BRAA | O::BRAAZ | O::BRAB | O::BRABZ => Flow::Leaves,
        O::BRK | O::HLT | O::UDF | O::ERET => Flow::Leaves,
        _ => Flow::Next,
    }
}

fn branch(at: u64, instruction: &Instruction, conditional: bool) -> Flow {
    let offset = instruction.operands.iter().find_map(|operand| match operand {
        Operand::PCOffset(offset) => Some(*offset),
        _ => None,
    });
    offset.map_or(Flow::Leaves, |offset| Flow::Branch {
        target: at.wrapping_add_signed(offset),
        conditional,
    })
}

fn count(mix: &mut Mix, instruction: &Instruction) {
    use Opcode as O;
    let is_vector = is_vector(instruction);
    mix.all += 1;
    mix.branches +=
        u32::from(flow(0, instruction) != Flow::Next || matches!(instruction.opcode, O::BL | O::BLR));
    mix.memory += u32::from(instruction.operands.iter().any(is_memory));
    // A second operand may come rotated, at no instruction of its own.
    mix.rotates += u32::from(instruction.operands.iter().any(is_rotated));
    match instruction.opcode {
        O::EXTR | O::RORV => mix.rotates += 1,
        O::XAR => {
            mix.rotates += 1;
            mix.vectors += 1;
            mix.xors += 1;
        }
        O::EOR | O::EON if is_vector => {
            mix.vectors += 1;
            mix.xors += 1;
        }
        O::EOR | O::EON => {
            mix.words += 1;
            mix.xors += 1;
        }
        O::EOR3 | O::BCAX | O::RAX1 => {
            mix.vectors += 1;
            mix.xors += 1;
        }
        O::USHR | O::SHL | O::SLI | O::SRI | O::USRA => mix.shifts += 1,
        O::AND | O::ORR | O::ORN | O::BIC | O::ADD | O::SUB | O::REV32 | O::REV64 if is_vector => {
            mix.vectors += 1
        }
        O::BSL | O::BIT | O::BIF | O::TBL => mix.vectors += 1,
        O::AND | O::ORR | O::ORN | O::BIC | O::ADD | O::ADC | O::ADCS | O::SUB | O::REV | O::UBFM => {
            mix.words += 1
        }
        O::SHA1C | O::SHA1P | O::SHA1M | O::SHA1SU0 | O::SHA1SU1 | O::SHA256H | O::SHA256H2 => mix.sha += 1,
        O::SHA256SU0 | O::SHA256SU1 | O::SHA512H | O::SHA512H2 | O::SHA512SU0 | O::SHA512SU1 => mix.sha += 1,
        O::AESE | O::AESD => mix.aes += 1,
        O::MADD | O::UMADDL | O::UMULH | O::MUL | O::UMULL | O::UMULL2 => mix.multiplications += 1,
        O::FADD | O::FSUB | O::FMUL | O::FDIV | O::FSQRT if is_double(instruction) => mix.floating += 1,
        _ => {}
    }
}

fn is_vector(instruction: &Instruction) -> bool {
    matches!(
        instruction.operands[0],
        Operand::SIMDRegister(..) | Operand::SIMDRegisterElements(..)
    )
}

/// Two doubles at once, as floating-point miners have them.
fn is_double(instruction: &Instruction) -> bool {
    matches!(
        instruction.operands[0],
        Operand::SIMDRegisterElements(SIMDSizeCode::Q, _, SIMDSizeCode::D)
    )
}

fn is_rotated(operand: &Operand) -> bool {
    matches!(operand, Operand::RegShift(ShiftStyle::ROR, 1.., _, _))
}

fn is_memory(operand: &Operand) -> bool {
    matches!(
        operand,
        Operand::RegPreIndex(..)
            | Operand::RegPostIndex(..)
            | Operand::RegPostIndexReg(..)
            | Operand::RegRegOffset(..)
    )
}

#[cfg(test)]
#[path = "aarch64_tests.rs"]
mod tests;
