//! The stack of each program as a kernel counts it that gives none of its own to a function: those of all that were called, one
//! behind the other. Kernels before 6.13 count so, and later ones where their compiler cannot do otherwise.
use std::collections::{BTreeMap, BTreeSet};

use libbpf_rs::ObjectBuilder;
use libbpf_rs::libbpf_sys::bpf_insn;

/// What a kernel allows, and the steps in which it counts that of one function (kernel/bpf/verifier.c, check_max_stack_depth).
const STACK_BYTES_MAX: usize = 512;
const STEP_BYTES: usize = 32;

/// Codes of instructions (Documentation/bpf/standardization/instruction-set.rst).
const CALL: u8 = 0x85;
const COPY: u8 = 0xbf;
const ADD_NUMBER: u8 = 0x07;
const CLASS: u8 = 0x07;
const LOAD: u8 = 1;
const STORES: [u8; 2] = [2, 3];
const FRAME: u8 = 10;
/// Kinds of source: a function of the program.
const FUNCTION: u8 = 1;

#[derive(Debug, Default)]
struct Function {
    bytes: usize,
    called: BTreeSet<usize>,
}

/// Where a call leads, if it is one of a function of the program.
fn called_by(at: usize, instruction: &bpf_insn) -> Option<usize> {
    (instruction.code == CALL && instruction.src_reg() == FUNCTION)
        .then(|| at.strict_add_signed(1 + instruction.imm as isize))
}

/// The functions by where they begin.
fn functions_of(instructions: &[bpf_insn]) -> BTreeMap<usize, Function> {
    let starts = instructions
        .iter()
        .enumerate()
        .filter_map(|(at, each)| called_by(at, each));
    let mut functions: BTreeMap<usize, Function> = starts
        .chain([0])
        .map(|start| (start, Function::default()))
        .collect();
    let mut copies = BTreeSet::new();
    for (at, each) in instructions.iter().enumerate() {
        let (_, function) = functions.range_mut(..=at).next_back().unwrap();
        function.called.extend(called_by(at, each));
        let class = each.code & CLASS;
        let place = match each.code {
            COPY if each.src_reg() == FRAME => {
                copies.insert(each.dst_reg());
                0
            }
            ADD_NUMBER if copies.remove(&each.dst_reg()) => each.imm,
            _ if class == LOAD && each.src_reg() == FRAME => each.off.into(),
            _ if STORES.contains(&class) && each.dst_reg() == FRAME => each.off.into(),
            _ => 0,
        };
        function.bytes = function.bytes.max(place.min(0).unsigned_abs() as usize);
    }
    functions
}

fn depth_from(start: usize, functions: &BTreeMap<usize, Function>) -> usize {
    let function = &functions[&start];
    let deepest = function
        .called
        .iter()
        .map(|&called| depth_from(called, functions));
    function.bytes.max(1).next_multiple_of(STEP_BYTES) + deepest.max().unwrap_or(0)
}

#[test]
fn every_program_does_with_the_stack_of_an_old_kernel() {
    let object = ObjectBuilder::default()
        .open_memory(include_bytes!(concat!(env!("OUT_DIR"), "/norn.bpf.o")))
        .unwrap();
    // What a program calls is behind it once it is loaded.
    let object = object.load().expect("this kernel takes every program");
    let depths: BTreeMap<_, _> = object
        .progs()
        .map(|program| {
            (
                program.name().to_owned(),
                depth_from(0, &functions_of(program.insns())),
            )
        })
        .collect();
    let deep: Vec<_> = depths
        .iter()
        .filter(|(_, depth)| **depth > STACK_BYTES_MAX)
        .collect();
    assert!(deep.is_empty(), "{deep:?}");
    // A count that finds nothing would find nothing too deep.
    assert!(
        depths.values().any(|depth| *depth > STACK_BYTES_MAX / 2),
        "{depths:?}"
    );
}
