//! Compiles a file of native-agent/bpf to an object, which the crate that builds embeds. Plain libbpf-rs, no generated skeleton: which
//! programs are loaded is decided at run time, by what the kernel at hand allows.
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// How libbpf's headers and ours name the machine whose registers are read.
fn target() -> Result<&'static str> {
    match std::env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => Ok("-D__TARGET_ARCH_x86"),
        "aarch64" => Ok("-D__TARGET_ARCH_arm64"),
        other => bail!("bpf/include/call.bpf.h does not know where {other} keeps the arguments of a call"),
    }
}

/// `name`.bpf.c to `name`.bpf.o in OUT_DIR.
pub fn compile(name: &str) -> Result<()> {
    let source = format!("{name}.bpf.c");
    let bpf = PathBuf::from("../../bpf");
    for part in [&source[..], "include", "programs"] {
        println!("cargo:rerun-if-changed={}", bpf.join(part).display());
    }
    println!("cargo:rerun-if-env-changed=CLANG");
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    let libbpf_headers =
        std::env::var("DEP_BPF_INCLUDE").context("libbpf-sys did not say where its headers are")?;
    let object = PathBuf::from(std::env::var("OUT_DIR")?).join(format!("{name}.bpf.o"));
    let status = Command::new(&clang)
        .args([
            "-target",
            "bpf",
            target()?,
            "-O2",
            "-g",
            "-mcpu=v3",
            "-Wall",
            "-Werror",
        ])
        .arg("-Wno-unused-function")
        .arg("-I")
        .arg(bpf.join("include"))
        .arg("-I")
        .arg(&libbpf_headers)
        .arg("-c")
        .arg(bpf.join(&source))
        .arg("-o")
        .arg(&object)
        .status()
        .with_context(|| {
            format!(
                "{clang} cannot be run: install it with `apt-get install clang`, or name another in CLANG"
            )
        })?;
    if !status.success() {
        bail!("{clang} refused native-agent/bpf/{source}");
    }
    Ok(())
}
