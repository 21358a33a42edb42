//! What this crate's unit tests share.
use std::path::PathBuf;
use std::sync::Arc;

use norn_events::{Image, Process, ProcessUid};

/// A process of the host: `number` is its pid, and each byte of its uid.
pub fn process(number: u8, image: Image) -> Process {
    Process {
        uid: ProcessUid([number; 16]),
        parent_uid: ProcessUid::UNKNOWN,
        pid: number.into(),
        namespace_pid: number.into(),
        parent_pid: 1,
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 1,
        image: Arc::new(image),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    }
}

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
