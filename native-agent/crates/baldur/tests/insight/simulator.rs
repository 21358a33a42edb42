//! The program that attacks, as attackers would bring it, and a container for it.
use std::path::{Path, PathBuf};
use std::process::Command;

/// A container of nothing: the simulator is static.
pub const IMAGE: &str = "norn-test/empty:latest";

/// Released, as attackers release; static, for a container.
pub fn simulator() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_baldur"))
        .parent()
        .unwrap()
        .parent()
        .unwrap();
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "norn-attack",
            "--target",
        ])
        .arg("x86_64-unknown-linux-gnu")
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        // As the agent that is released, so that what both stand on is compiled once.
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .status();
    assert!(status.unwrap().success(), "the simulator is built");
    target.join("x86_64-unknown-linux-gnu/release/norn-attack")
}

pub fn make_image(dir: &Path) {
    let (root, archive) = (dir.join("root"), dir.join("root.tar"));
    std::fs::create_dir_all(root.join("srv")).unwrap();
    let packed = Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&archive)
        .arg(".")
        .status();
    assert!(packed.unwrap().success());
    let imported = Command::new("docker")
        .arg("import")
        .arg(&archive)
        .arg(IMAGE)
        .output()
        .expect("docker is installed (apt-get install docker.io)");
    assert!(imported.status.success(), "{imported:?}");
}
