//! Over code that clang made for AArch64: what it computes is told wherever in its loop a sample falls.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};

use super::*;
use crate::Kernel;

/// By their names, as clang compiles `testdata/kernels.c`; each is alone in its section.
fn functions() -> BTreeMap<String, (Vec<u8>, u64)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kernels.c");
    let out = tempfile();
    let built = Command::new("clang")
        .args([
            "--target=aarch64-linux-gnu",
            "-march=armv8-a+crypto",
            "-O2",
            "-ffreestanding",
        ])
        .args(["-ffunction-sections", "-c", "-o"])
        .args([out.as_path(), source.as_path()])
        .status()
        .expect("clang is what the sensor is built with");
    assert!(built.success());
    let bytes = std::fs::read(&out).unwrap();
    std::fs::remove_file(&out).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let functions = file
        .symbols()
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text);
    functions
        .filter(|symbol| symbol.size() > 0)
        .map(|symbol| {
            let section = file.section_by_index(symbol.section_index().unwrap()).unwrap();
            (
                symbol.name().unwrap().to_owned(),
                (section.data().unwrap().to_vec(), 0x40_0000),
            )
        })
        .collect()
}

fn tempfile() -> std::path::PathBuf {
    std::env::temp_dir().join(format!(
        "norn-insight-{}-{:?}.o",
        std::process::id(),
        std::thread::current().id()
    ))
}

/// Of each instruction: what a sample there is taken for.
fn verdicts((code, base): &(Vec<u8>, u64)) -> Vec<Option<Kernel>> {
    let addresses = (*base..).step_by(BYTES).take(code.len() / BYTES);
    addresses
        .map(|at| AArch64.look(code, *base, at).and_then(|found| found.kernel))
        .collect()
}

#[test]
fn what_miners_compute_is_told_in_the_whole_of_its_loop() {
    let functions = functions();
    for (name, expected) in [
        ("word_hash_sha256", Kernel::WordHash),
        ("word_hash_keccak", Kernel::WordHash),
        ("vector_hash_salsa", Kernel::VectorHash),
        ("sha_instructions", Kernel::ShaInstructions),
        ("aes_scratchpad", Kernel::Scratchpad),
        ("table_hash", Kernel::TableHash),
    ] {
        let verdicts = verdicts(&functions[name]);
        let right = verdicts
            .iter()
            .filter(|&&kernel| kernel == Some(expected))
            .count();
        // What is not is before and behind the loop.
        assert!(
            right * 10 >= verdicts.len() * 6,
            "{name}: {right} of {}: {verdicts:?}",
            verdicts.len()
        );
    }
}

#[test]
fn what_others_compute_is_no_kernel() {
    let functions = functions();
    let ordinary: Vec<_> = functions
        .iter()
        .filter(|(name, _)| name.starts_with("ordinary_"))
        .collect();
    assert_eq!(ordinary.len(), 5);
    for (name, code) in ordinary {
        assert_eq!(verdicts(code).iter().flatten().count(), 0, "{name}");
    }
}

#[test]
fn the_loop_is_written_down() {
    // 1: eor w0, w1, w2, ror #11; subs w3, w3, #1; b.ne 1b; ret
    let words = [0x4ac2_2c20_u32, 0x7100_0463, 0x54ff_ffc1, 0xd65f_03c0];
    let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let found = AArch64.look(&code, 0x1000, 0x1004).unwrap();
    assert_eq!((found.start, found.end), (0x1000, 0x1010));
    let lines = AArch64.disassemble((&code, 0x1000), (0x1000, 0x100c), 8);
    assert_eq!(
        lines,
        [
            "1000  eor w0, w1, w2, ror #11",
            "1004  subs w3, w3, #0x1",
            "1008  b.ne $-0x8"
        ]
    );
    assert_eq!(AArch64.disassemble((&code, 0x1000), (0x1000, 0x1010), 1).len(), 1);
}

#[test]
fn bytes_that_are_no_code_are_none() {
    assert_eq!(AArch64.look(&[0xff; 64], 0x1000, 0x1008), None);
    assert_eq!(AArch64.look(&[], 0x1000, 0x1000), None);
    assert_eq!(AArch64.look(&[0; 8], 0x1000, 0x2000), None);
}

#[test]
fn no_bytes_break_it() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        [
            (state >> 33) as u8,
            (state >> 41) as u8,
            (state >> 49) as u8,
            (state >> 57) as u8,
        ]
    };
    for _ in 0..400 {
        let code: Vec<u8> = std::iter::repeat_with(&mut bytes).take(512).flatten().collect();
        for at in (0x1000..0x1800).step_by(BYTES) {
            let end = AArch64.look(&code, 0x1000, at).map_or(at + 4, |found| found.end);
            AArch64.disassemble((&code, 0x1000), (at, end.min(at + 64)), 16);
        }
    }
}
