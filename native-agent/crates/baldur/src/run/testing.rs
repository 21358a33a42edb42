//! What this crate's unit tests share.
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
