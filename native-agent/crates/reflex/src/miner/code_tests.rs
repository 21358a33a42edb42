use super::*;
use iced_x86::code_asm::{CodeAssembler, eax, ebx, ecx, edi, edx, esi, ptr, r8d, rax, rcx, rsi};

const BASE: u64 = 0x40_0000;

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
    let mut decoder = Decoder::with_ip(64, &code, BASE, DecoderOptions::NONE);
    let addresses: Vec<u64> =
        std::iter::from_fn(|| decoder.can_decode().then(|| decoder.decode().ip())).collect();
    let loop_only = &addresses[..addresses.len() - 1];
    assert!(
        loop_only
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
    assert_eq!(classify(&[], BASE, BASE), None);
    assert_eq!(classify(&[0x90; 16], BASE, BASE + 4_096), None);
}
