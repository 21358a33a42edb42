//! What the kernel runs for this crate.
#[path = "../../bpf/compile.rs"]
mod compile;

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=../../bpf/compile.rs");
    compile::compile("policy")?;
    compile::compile("isolation")
}
