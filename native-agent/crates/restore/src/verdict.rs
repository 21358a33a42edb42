//! What a person is told of a file.
use std::collections::HashMap;

use norn_events::ProcessUid;
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_journal::file::Metadata;
use norn_journal::record::Time;
use norn_os as os;

use crate::outcome::{Done, Failed, Outcome};
use crate::plan::Target;

pub fn verdict_of(target: &Target, containers: &HashMap<ProcessUid, String>) -> FileVerdict {
    FileVerdict {
        container_id: container_of(containers, target.process),
        change: target.change.to_owned(),
        ..verdict_at(target.seen.clone(), target.time, target.process)
    }
}

pub fn container_of(containers: &HashMap<ProcessUid, String>, process: ProcessUid) -> String {
    containers.get(&process).cloned().unwrap_or_default()
}

pub fn verdict_at(path: Vec<u8>, time: Time, process: ProcessUid) -> FileVerdict {
    let wall_offset = os::wall_ns() as i64 - os::boot_ns() as i64;
    FileVerdict {
        path,
        changed_at_us: ((time + wall_offset) / 1000).max(0) as u64,
        process_uid: process.0.to_vec(),
        ..FileVerdict::default()
    }
}

pub fn judged(mut verdict: FileVerdict, outcome: Outcome) -> Option<FileVerdict> {
    let (found, why) = match outcome {
        Ok(Done::Nothing) => return None,
        Ok(Done::Restored) => (Verdict::Restored, None),
        Ok(Done::Removed) => (Verdict::Removed, None),
        Ok(Done::Unchanged) => (Verdict::Unchanged, None),
        Err(Failed::Conflict(why)) => (Verdict::Conflict, Some(why)),
        Err(failed) => (Verdict::Lost, Some(failed.why())),
    };
    verdict.verdict = found as i32;
    if let Some(why) = why {
        verdict.reason = why;
    }
    Some(verdict)
}

pub fn describe(verdict: &mut FileVerdict, metadata: &Metadata) {
    verdict.size = metadata.size;
    verdict.mode = metadata.mode;
    verdict.user_id = metadata.uid;
    verdict.group_id = metadata.gid;
    verdict.modified_at_us = (metadata.modified_ns / 1000).max(0) as u64;
}
