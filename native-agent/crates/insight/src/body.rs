//! The loop around a sample, whatever the CPU: found by where its instructions go.
use crate::decoder::Loop;
use crate::kernel::Mix;

/// Instructions of one body.
pub const BODY_MAX: usize = 4_096;
/// A stretch of code that is decoded from the wrong byte falls into step within a few instructions.
const STEP_TRIES: u64 = 16;

/// Where code goes on after an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// With the next one; calls come back.
    Next,
    Branch {
        target: u64,
        conditional: bool,
    },
    /// Nobody knows where: a return, an indirect jump, a trap.
    Leaves,
    /// These bytes are no instruction.
    Invalid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub at: u64,
    pub next: u64,
    pub flow: Flow,
    /// Fills the room between functions.
    pub pads: bool,
}

/// Bytes of a process as instructions of one kind of CPU.
pub trait Code {
    /// Instructions begin at multiples of this many bytes.
    const ALIGNMENT: u64;
    /// Bytes of the longest.
    const LONGEST: u64;

    /// The address of the first byte.
    fn base(&self) -> u64;
    /// From an address on, until the bytes end.
    fn steps(&self, from: u64) -> impl Iterator<Item = Step>;
    /// Of the instructions between two addresses, `BODY_MAX` at most.
    fn mix(&self, range: (u64, u64)) -> Mix;
}

/// What a sample at that address stands for. `None`: this is no code.
pub fn loop_around(code: &impl Code, at: u64) -> Option<Loop> {
    let (start, end) = around(code, at)?;
    let kernel = code.mix((start, end)).kernel();
    Some(Loop { start, end, kernel })
}

/// Samples gather at loop ends, so the loop is found by a backward branch behind the sample that jumps to or before it:
/// the smallest that is long enough to say something. Where none is, the stretch of straight code stands for itself.
fn around(code: &impl Code, at: u64) -> Option<(u64, u64)> {
    let mut end = at;
    for Step {
        at: here, next, flow, ..
    } in code.steps(at).take(BODY_MAX)
    {
        match flow {
            Flow::Invalid => return (here > at).then(|| (straight_start(code, at), here)),
            Flow::Leaves => return Some((straight_start(code, at), next)),
            Flow::Branch { target, conditional } => {
                let is_around = (code.base()..=at).contains(&target);
                if is_around && (!conditional || is_long(code, (target, next))) {
                    return Some((target, next));
                }
            }
            Flow::Next => {}
        }
        end = next;
    }
    (end > at).then_some((at, end))
}

fn is_long<C: Code>(code: &C, (start, end): (u64, u64)) -> bool {
    end - start >= u64::from(Mix::MIN) * C::LONGEST || code.mix((start, end)).all >= Mix::MIN
}

/// Behind the last return, jump away or padding before `at`.
fn straight_start<C: Code>(code: &C, at: u64) -> u64 {
    let begins = (0..STEP_TRIES).map(|skip| code.base() + skip * C::ALIGNMENT);
    begins
        .take_while(|&from| from <= at)
        .find_map(|from| start_in_step(code, (from, at)))
        .unwrap_or(at)
}

/// `None`: decoding from here does not come by `at`.
fn start_in_step(code: &impl Code, (from, at): (u64, u64)) -> Option<u64> {
    let (mut start, mut reached) = (from, from);
    for step in code.steps(from).take_while(|step| step.at < at) {
        let ends = step.pads || matches!(step.flow, Flow::Leaves | Flow::Invalid);
        if ends && step.next <= at {
            start = step.next;
        }
        reached = step.next;
    }
    (reached == at).then_some(start)
}
