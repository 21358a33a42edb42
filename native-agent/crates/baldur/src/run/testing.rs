//! What this crate's unit tests share.
use std::path::PathBuf;

pub struct TemporaryDir(pub PathBuf);

impl TemporaryDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("norn-baldur-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        Self(path)
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
