//! Compiles proto/ without protoc.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = "../../../proto";
    println!("cargo:rerun-if-changed={root}");
    let files = [
        "norn/event/v1/event.proto",
        "norn/finding/v1/finding.proto",
        "norn/action/v1/action.proto",
        "norn/agent/v1/local.proto",
        "norn/policy/v1/policy.proto",
    ]
    .map(|file| format!("{root}/{file}"));
    let descriptors = protox::compile(&files, [root])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
