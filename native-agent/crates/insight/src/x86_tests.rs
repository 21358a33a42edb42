use super::*;
use crate::Kernel;
use iced_x86::Decoder as Bytes;
use iced_x86::code_asm::{CodeAssembler, eax, ebx, ecx, edi, edx, esi, ptr, r8d, rax, rcx, rsi};

const BASE: u64 = 0x40_0000;

fn classify(code: &[u8], base: u64, at: u64) -> Option<Kernel> {
    X86.look(code, base, at)?.kernel
}

/// Assembles a loop of `rounds` times `round` and returns its bytes.
fn looped(rounds: u32, mut round: impl FnMut(&mut CodeAssembler)) -> Vec<u8> {
    let mut assembler = CodeAssembler::new(64).unwrap();
    let mut start = assembler.create_label();
    assembler.set_label(&mut start).unwrap();
    for _ in 0..rounds {
        round(&mut assembler);
    }
    assembler.dec(ecx).unwrap();
    assembler.jne(start).unwrap();
    assembler.ret().unwrap();
    assembler.assemble(BASE).unwrap()
}

/// One round of SHA-256 as compilers write it without SHA instructions.
fn sha256_round(assembler: &mut CodeAssembler) {
    assembler.mov(eax, edx).unwrap();
    assembler.ror(eax, 6).unwrap();
    assembler.mov(ebx, edx).unwrap();
    assembler.ror(ebx, 11).unwrap();
    assembler.xor(eax, ebx).unwrap();
    assembler.rol(ebx, 7).unwrap();
    assembler.xor(eax, ebx).unwrap();
    assembler.mov(edi, esi).unwrap();
    assembler.xor(edi, r8d).unwrap();
    assembler.and(edi, edx).unwrap();
    assembler.xor(edi, r8d).unwrap();
    assembler.add(eax, edi).unwrap();
    assembler.add(eax, ptr(rsi + 4)).unwrap();
    assembler.add(edx, eax).unwrap();
}

#[test]
fn sha256_in_plain_code_is_a_word_hash_wherever_in_the_loop_the_sample_falls() {
    let code = looped(16, sha256_round);
    let mut decoder = Bytes::with_ip(64, &code, BASE, DecoderOptions::NONE);
    let addresses: Vec<u64> =
        std::iter::from_fn(|| decoder.can_decode().then(|| decoder.decode().ip())).collect();
    assert!(
        addresses
            .iter()
            .all(|&at| classify(&code, BASE, at) == Some(Kernel::WordHash))
    );
}

#[test]
fn copying_memory_is_no_kernel() {
    let code = looped(16, |assembler| {
        assembler.mov(rax, ptr(rsi)).unwrap();
        assembler.mov(ptr(rcx), rax).unwrap();
        assembler.add(rsi, 8).unwrap();
        assembler.add(rcx, 8).unwrap();
    });
    assert_eq!(classify(&code, BASE, BASE), None);
}

#[test]
fn a_loop_that_branches_all_the_time_is_no_kernel() {
    let code = looped(16, |assembler| {
        let mut over = assembler.create_label();
        assembler.ror(eax, 6).unwrap();
        assembler.xor(eax, ebx).unwrap();
        assembler.add(eax, ebx).unwrap();
        assembler.test(eax, eax).unwrap();
        assembler.je(over).unwrap();
        assembler.xor(eax, ebx).unwrap();
        assembler.set_label(&mut over).unwrap();
        assembler.nop().unwrap();
    });
    assert_eq!(classify(&code, BASE, BASE), None);
}

#[test]
fn a_short_random_generator_is_no_kernel() {
    let code = looped(2, |assembler| {
        assembler.rol(eax, 7).unwrap();
        assembler.xor(eax, ebx).unwrap();
        assembler.add(eax, edx).unwrap();
    });
    assert_eq!(classify(&code, BASE, BASE), None);
}

#[test]
fn bytes_that_are_no_code_are_no_kernel() {
    assert_eq!(classify(&[0x06; 64], BASE, BASE), None);
    assert_eq!(
        X86.look(&[], BASE, BASE),
        None,
        "nothing was read: nothing is known"
    );
    assert_eq!(classify(&[0x90; 16], BASE, BASE + 4_096), None);
}

/// One step of FNV over a row of a table, as for Ethash.
fn fold_word(assembler: &mut CodeAssembler) {
    assembler.imul_3(eax, ptr(rsi + 4), FNV_PRIME_32 as i32).unwrap();
    assembler.xor(eax, ptr(rcx + 4)).unwrap();
    assembler.mov(ptr(rsi + 4), eax).unwrap();
    assembler.add(rsi, 4).unwrap();
}

#[test]
fn words_of_a_table_folded_are_a_table_hash() {
    let code = looped(16, fold_word);
    assert_eq!(classify(&code, BASE, BASE), Some(Kernel::TableHash));
}

#[test]
fn a_short_inner_loop_is_judged_with_the_loop_around_it() {
    let mut assembler = CodeAssembler::new(64).unwrap();
    let (mut outer, mut inner) = (assembler.create_label(), assembler.create_label());
    assembler.set_label(&mut outer).unwrap();
    assembler.mov(ecx, esi).unwrap();
    assembler.set_label(&mut inner).unwrap();
    assembler.rol(eax, 7).unwrap();
    assembler.xor(eax, ebx).unwrap();
    assembler.dec(ecx).unwrap();
    assembler.jne(inner).unwrap();
    (0..12).for_each(|_| sha256_round(&mut assembler));
    assembler.dec(r8d).unwrap();
    assembler.jne(outer).unwrap();
    let code = assembler.assemble(BASE).unwrap();
    assert_eq!(classify(&code, BASE, BASE + 2), Some(Kernel::WordHash));
}

#[test]
fn straight_code_is_judged_from_its_beginning_when_the_sample_falls_at_its_end() {
    let mut assembler = CodeAssembler::new(64).unwrap();
    (0..9).for_each(|_| assembler.nop().unwrap());
    (0..16).for_each(|_| sha256_round(&mut assembler));
    assembler.ret().unwrap();
    let code = assembler.assemble(BASE).unwrap();
    let last = BASE + code.len() as u64 - 1;
    let found = X86.look(&code, BASE, last).unwrap();
    assert_eq!(
        (found.start, found.end, found.kernel),
        (BASE + 9, last + 1, Some(Kernel::WordHash))
    );
}

#[test]
fn the_text_of_a_loop_ends_with_it_and_has_no_more_lines_than_asked_for() {
    let code = looped(2, sha256_round);
    let whole = X86.disassemble((&code, BASE), (BASE, BASE + code.len() as u64 - 1), 1_000);
    assert_eq!(whole.len(), 2 * 14 + 2);
    assert_eq!(whole[1], "400002  ror eax,6h");
    assert_eq!(X86.disassemble((&code, BASE), (BASE, u64::MAX), 5).len(), 5);
}

#[test]
fn a_short_loop_without_an_end_is_the_whole_stretch() {
    // `1: rol rax, 1; inc rax; jmp 1b`, and nothing behind.
    let code = [&[0x48, 0xd1, 0xc0, 0x48, 0xff, 0xc0, 0xeb, 0xf8][..], &[0; 32]].concat();
    let found = X86.look(&code, BASE, BASE + 3).unwrap();
    assert_eq!((found.start, found.end, found.kernel), (BASE, BASE + 8, None));
}
