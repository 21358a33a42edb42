//! Which call sites of a library are replaced. The file's code is decoded once, from one end to the other, outside of any process.
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, OpKind, Register};
use norn_hook::calls;
use norn_hook::stub::{JUMP_BYTES, MOVED_BYTES, Site};

use crate::image::PAGE;
use crate::will::Gadgets;
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SectionKind, SymbolKind};

/// `syscall; ret`, and `mov rax, 15; syscall`, as every libc has them.
const CALL: &[u8] = &[0x0F, 0x05, 0xC3];
const RESTORE: &[u8] = &[0x48, 0xC7, 0xC0, 0x0F, 0, 0, 0, 0x0F, 0x05];
/// Instructions before a `syscall` that are looked at for its number and for room.
const WINDOW: usize = 12;
/// A jump by a table in the same stretch of code might land between moved instructions.
const TABLE_REACH: u64 = 4096;
const LIBRARY_BYTES_MAX: u64 = 64 << 20;
const PLANS_MAX: usize = 256;

/// The sites of one library, at addresses as in its file.
#[derive(Debug, Default)]
pub struct Plan {
    pub sites: Vec<Site>,
    /// `syscall` instructions that may be of hooked calls and could not be replaced, by their address.
    pub missed: Vec<u64>,
    /// First address and length of the code that the sites are in.
    pub code: (u64, u64),
    /// For the injector to make calls with; a loader has none.
    pub gadgets: Option<Gadgets>,
    /// Added to an address in the file to get the offset in the file.
    pub bias: u64,
}

/// Device, inode, time of change, length.
type FileKey = (u64, u64, i64, u64);

/// Plans by library, each made once.
#[derive(Default)]
pub struct Plans {
    known: Mutex<HashMap<FileKey, Arc<Plan>>>,
}

/// Where distributions have the libraries that nearly every program uses.
const USUAL: [&str; 6] = [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "/lib64/libc.so.6",
    "/lib64/ld-linux-x86-64.so.2",
    "/usr/lib/ld-linux-x86-64.so.2",
    "/lib/ld-musl-x86_64.so.1",
];

impl Plans {
    /// Decodes this machine's own libraries, so that the first program need not wait for it.
    pub fn prepare(&self) {
        for path in USUAL {
            self.of(Path::new(path));
        }
    }

    /// None when the file cannot be read or is no x86-64 library.
    pub fn of(&self, path: &Path) -> Option<Arc<Plan>> {
        let found = fs::metadata(path).ok()?;
        let key = (
            found.dev(),
            found.ino(),
            found.mtime_nsec() ^ found.mtime() << 30,
            found.len(),
        );
        if let Some(plan) = self.known.lock().ok()?.get(&key) {
            return Some(plan.clone());
        }
        if found.len() > LIBRARY_BYTES_MAX {
            return None;
        }
        let plan = Arc::new(plan(&fs::read(path).ok()?)?);
        let mut known = self.known.lock().ok()?;
        if known.len() >= PLANS_MAX {
            known.clear();
        }
        known.insert(key, plan.clone());
        Some(plan)
    }
}

/// None when `file` is no x86-64 ELF file with code.
pub fn plan(file: &[u8]) -> Option<Plan> {
    let elf = object::File::parse(file).ok()?;
    if elf.architecture() != object::Architecture::X86_64 {
        return None;
    }
    let mut scan = Scan::default();
    let text: Vec<_> = elf
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .collect();
    for section in &text {
        scan.read(section.data().ok()?, section.address());
    }
    let place = |bytes: &[u8]| {
        let mut sections = text.iter();
        sections.find_map(|section| Some(section.address() + find(section.data().ok()?, bytes)? as u64))
    };
    let gadgets = place(CALL).zip(place(RESTORE));
    let first = text.iter().map(|section| section.address()).min()?;
    let end = text
        .iter()
        .map(|section| section.address() + section.size())
        .max()?;
    let segment = elf
        .segments()
        .find(|segment| (segment.address()..segment.address() + segment.size()).contains(&first))?;
    scan.functions = elf
        .dynamic_symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .map(|symbol| symbol.address())
        .collect();
    let mut plan = scan.plan();
    plan.code = (first & !4095, end - (first & !4095));
    plan.bias = segment.file_range().0.wrapping_sub(segment.address());
    plan.gadgets = gadgets.map(|(call, restore)| Gadgets { call, restore });
    (!scan.calls.is_empty()).then_some(plan)
}

fn find(code: &[u8], bytes: &[u8]) -> Option<usize> {
    code.windows(bytes.len()).position(|window| window == bytes)
}

/// What one pass over the code leaves.
#[derive(Default)]
struct Scan {
    calls: Vec<Call>,
    branch_targets: Vec<u64>,
    table_jumps: Vec<u64>,
    functions: Vec<u64>,
}

/// A `syscall` with the straight run of instructions before it.
struct Call {
    at: u64,
    before: Vec<Instruction>,
    bytes: Vec<u8>,
}

impl Scan {
    fn read(&mut self, code: &[u8], address: u64) {
        let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
        let mut window: Vec<Instruction> = Vec::with_capacity(WINDOW + 1);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if instruction.code() == Code::Syscall {
                let from = window.first().map_or(instruction.ip(), Instruction::ip);
                let bytes = code[(from - address) as usize..(instruction.ip() - address) as usize].to_vec();
                self.calls.push(Call {
                    at: instruction.ip(),
                    before: window.clone(),
                    bytes,
                });
            }
            self.note_branch(&instruction, &window);
            if instruction.flow_control() != FlowControl::Next || instruction.is_invalid() {
                window.clear();
                continue;
            }
            window.push(instruction);
            if window.len() > WINDOW {
                window.remove(0);
            }
        }
    }

    fn note_branch(&mut self, instruction: &Instruction, before: &[Instruction]) {
        match instruction.flow_control() {
            FlowControl::IndirectBranch if is_by_table(instruction, before) => {
                self.table_jumps.push(instruction.ip())
            }
            FlowControl::ConditionalBranch
            | FlowControl::UnconditionalBranch
            | FlowControl::Call
            | FlowControl::XbeginXabortXend => self.branch_targets.push(instruction.near_branch_target()),
            _ => {}
        }
    }

    fn plan(&mut self) -> Plan {
        self.branch_targets.sort_unstable();
        self.table_jumps.sort_unstable();
        self.functions.sort_unstable();
        let mut plan = Plan::default();
        for call in &self.calls {
            if self
                .number(call)
                .is_some_and(|number| calls::shape(number).is_none())
            {
                continue;
            }
            match self.site(call) {
                Some(site) => plan.sites.push(site),
                None => plan.missed.push(call.at),
            }
        }
        plan
    }

    /// The call's number, when the run of instructions before says it.
    fn number(&self, call: &Call) -> Option<u64> {
        let mut holder = Register::RAX;
        for instruction in call.before.iter().rev() {
            let is_set = instruction.op_count() > 0
                && instruction.op0_kind() == OpKind::Register
                && instruction.op0_register().full_register() == holder;
            if !is_set {
                continue;
            }
            if self.is_entered(instruction.ip(), call.at + 1) {
                return None;
            }
            let is_of_itself =
                instruction.op_count() == 2 && instruction.op1_register() == instruction.op0_register();
            match instruction.code() {
                Code::Mov_r32_imm32 | Code::Mov_rm32_imm32 | Code::Mov_rm64_imm32 => {
                    return Some(u64::from(instruction.immediate32()));
                }
                Code::Xor_r32_rm32 | Code::Xor_rm32_r32 if is_of_itself => return Some(0),
                Code::Mov_r64_rm64 | Code::Mov_rm64_r64 | Code::Mov_r32_rm32 | Code::Mov_rm32_r32
                    if instruction.op1_kind() == OpKind::Register =>
                {
                    holder = instruction.op1_register().full_register();
                }
                _ => return None,
            }
        }
        None
    }

    /// The fewest instructions before the `syscall` that make room for a jump, if they can be moved.
    fn site(&self, call: &Call) -> Option<Site> {
        let has_room = |instruction: &&Instruction| {
            let is_in_one_page = instruction.ip() % PAGE <= PAGE - JUMP_BYTES as u64;
            call.at - instruction.ip() >= JUMP_BYTES as u64 && is_in_one_page
        };
        let first = call.before.iter().rev().find(has_room)?;
        let moved = call
            .before
            .iter()
            .filter(|instruction| instruction.ip() >= first.ip());
        let len = (call.at - first.ip()) as usize;
        if len > MOVED_BYTES
            || moved.clone().any(Instruction::is_ip_rel_memory_operand)
            || self.is_entered(first.ip(), call.at)
        {
            return None;
        }
        if moved.count() > 1 && self.has_table_before(call.at) {
            return None;
        }
        let mut bytes = [0; MOVED_BYTES];
        bytes[..len].copy_from_slice(&call.bytes[call.bytes.len() - len..]);
        Some(Site {
            start: first.ip(),
            len: len as u8,
            bytes,
        })
    }

    /// Whether a branch leads to somewhere after `from` and before `to`.
    fn is_entered(&self, from: u64, to: u64) -> bool {
        let next = self.branch_targets.partition_point(|target| *target <= from);
        self.branch_targets.get(next).is_some_and(|target| *target < to)
    }

    /// In the same function, as far as the library's symbols tell where that begins.
    fn has_table_before(&self, at: u64) -> bool {
        let last = |addresses: &[u64]| {
            addresses
                .partition_point(|address| *address < at)
                .checked_sub(1)
                .map(|place| addresses[place])
        };
        let begins = last(&self.functions).unwrap_or(0);
        last(&self.table_jumps).is_some_and(|jump| jump >= begins && at - jump < TABLE_REACH)
    }
}

/// The two shapes that compilers give a jump by table: through an entry itself, or to the sum of an entry and the table's place. Any other
/// indirect jump leaves its function.
fn is_by_table(jump: &Instruction, before: &[Instruction]) -> bool {
    let loads_entry = |instruction: &Instruction| {
        let is_load = matches!(instruction.code(), Code::Movsxd_r64_rm32 | Code::Mov_r64_rm64);
        is_load && instruction.op1_kind() == OpKind::Memory && instruction.memory_index() != Register::None
    };
    let is_through_entry = jump.op0_kind() == OpKind::Memory && jump.memory_index() != Register::None;
    is_through_entry || before.iter().any(loads_entry)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
