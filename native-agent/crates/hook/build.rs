//! Builds the library that goes into other processes. Cargo cannot: it needs `panic = abort` and no libc at all, whatever the
//! profile of the workspace is, and must serve glibc and musl alike.
use std::env;
use std::path::PathBuf;
use std::process::Command;

const OPTIONS: [&str; 17] = [
    "--edition=2024",
    "--crate-name=norn_hook",
    "--crate-type=cdylib",
    "--cfg=norn_hook_library",
    "-Copt-level=3",
    "-Cpanic=abort",
    "-Ccodegen-units=1",
    "-Clto=fat",
    "-Cstrip=debuginfo",
    "-Coverflow-checks=off",
    "-Cdebug-assertions=off",
    "-Cforce-unwind-tables=no",
    "-Crelocation-model=pic",
    "-Clinker=cc",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-Wl,-Bsymbolic,-z,now,-z,norelro,-soname,libnorn_hook.so,--build-id",
];

fn main() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rustc-check-cfg=cfg(norn_hook_library)");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("libnorn_hook.so");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("x86_64") {
        std::fs::write(&out, b"").expect("OUT_DIR is writable");
        return;
    }
    // Whatever libc the agent is built for: the library has none, so the compiler's own target will do.
    let status = Command::new(env::var("RUSTC").expect("cargo sets RUSTC"))
        .args(OPTIONS)
        .arg("-o")
        .arg(&out)
        .arg("src/library.rs")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("rustc starts");
    assert!(status.success(), "the hook library did not build");
}
