//! A small batch with something of everything, the same on every run, and its rows as JSON for readers in other languages.
use std::sync::Arc;

use norn_events::wire::event::v1::EventBatch;
use norn_events::wire::finding::v1::Finding;
use norn_events::{
    BatchBuilder, BatchIdentity, Capabilities, Credentials, Event, EventKind, Image, Observer, Package,
    Process, ProcessIndex, ProcessTable, ProcessUid, ReadBatch, process_uid,
};
use serde_json::{Value, json};

const BOOT_ID: [u8; 16] = [7; 16];
const CONTAINER: &str = "4f1c9a2b77e04f1c9a2b77e04f1c9a2b77e04f1c9a2b77e04f1c9a2b77e0abcd";
/// 2026-01-01T00:00:00Z.
const BOOT_WALL_NS: i64 = 1_767_225_600_000_000_000;

struct Stage {
    processes: ProcessTable,
    builder: BatchBuilder,
    time_ns: u64,
}

impl Stage {
    fn new() -> Self {
        let identity = BatchIdentity {
            stream_id: [1; 16],
            boot_id: BOOT_ID,
            wall_offset_ns: BOOT_WALL_NS,
        };
        let builder = BatchBuilder::new(identity).expect("zstd has its context");
        Self {
            processes: ProcessTable::default(),
            builder,
            time_ns: 5_000_000_000,
        }
    }

    fn process(&mut self, pid: u32, parent: Option<ProcessIndex>, image: Image) -> ProcessIndex {
        let parent = parent.and_then(|parent| self.processes.get(parent));
        let start_time_ns = 1_000_000_000 + u64::from(pid);
        let process = Process {
            uid: process_uid(&BOOT_ID, pid, start_time_ns),
            parent_uid: parent.map_or(ProcessUid::UNKNOWN, |parent| parent.uid),
            pid,
            namespace_pid: pid % 100,
            parent_pid: parent.map_or(0, |parent| parent.pid),
            start_time_ns,
            end_time_ns: None,
            image_number: 1,
            image: Arc::new(image),
            container: (pid >= 1_000).then(|| CONTAINER.into()),
            cgroup_id: 1,
            user_id: pid % 7,
            group_id: pid % 5,
            credentials: credentials(pid),
        };
        self.processes.insert(process)
    }

    fn event(&mut self, kind: EventKind, process: ProcessIndex, fill: impl FnOnce(&mut Event<'_>)) {
        self.time_ns += 1_234_567;
        let time_ns = self.time_ns;
        let mut event = Event {
            kind,
            time_ns,
            process,
            flags: 0,
            value: 0,
            result: 0,
            path: b"",
            target: b"",
        };
        fill(&mut event);
        self.builder.observe(&event, &self.processes);
    }
}

/// Every bit of every set stands somewhere.
fn credentials(pid: u32) -> Credentials {
    let mut credentials = Credentials::default();
    if pid >= 1_000 {
        credentials.login_user_id = pid;
        credentials.session_id = pid % 11;
        credentials.terminal[..4].copy_from_slice(b"pts7");
    }
    credentials.capabilities = Capabilities {
        effective: u64::from(pid),
        permitted: u64::from(pid) << 8,
        inheritable: 1 << 40,
        ambient: 3,
        bounding: u64::MAX,
    };
    credentials
}

fn image(path: &str, command_line: &str) -> Image {
    Image {
        path: path.into(),
        command_line: command_line.into(),
        working_directory: b"/srv".to_vec(),
        ..Image::default()
    }
}

/// The batch of `proto/golden/batch-v1.bin`.
pub fn batch() -> EventBatch {
    let mut stage = Stage::new();
    let init = stage.process(1, None, image("/sbin/init", "init"));
    let shell = stage.process(1_234, Some(init), image("/bin/sh", "sh -c run"));
    let hashed = Image {
        sha256: Some([0xab; 32]),
        flags: 65,
        package: Some(Arc::new(Package {
            name: "x-tools".to_owned(),
            version: "1:2.0-3".to_owned(),
        })),
        ..image("/tmp/x", "/tmp/x --all")
    };
    let dropped = stage.process(1_240, Some(shell), hashed);
    stage.event(EventKind::ProcessSeen, init, |event| event.path = b"/sbin/init");
    stage.event(EventKind::Fork, dropped, |event| event.flags = 0x0120_0011);
    stage.event(EventKind::Exec, dropped, |event| event.path = b"/tmp/x");
    stage.event(EventKind::Exec, shell, |event| {
        (event.path, event.result) = (b"/no/such", -2)
    });
    stage.event(EventKind::FileOpen, dropped, |event| {
        (event.path, event.flags, event.value, event.result) = (b"/srv/a", 0o101, 0o644, 3);
    });
    stage.event(EventKind::FileRename, dropped, |event| {
        (event.path, event.target) = (b"/srv/a", b"/srv/a.locked");
    });
    // A name that is not UTF-8, and figures that need all their bits.
    stage.event(EventKind::FileChown, dropped, |event| {
        (event.path, event.value) = (b"/srv/\xff\xfe", u64::from(u32::MAX) << 32 | 33);
    });
    stage.event(EventKind::NetConnect, dropped, |event| {
        (event.path, event.flags, event.value, event.result) =
            (b"10.0.0.1", 2 << 16 | 6, 4444 << 16 | 40_000, -115);
    });
    stage.event(EventKind::Gap, init, |event| {
        (event.flags, event.value, event.result) = (2, u64::MAX, 17);
    });
    stage.event(EventKind::Exit, dropped, |event| event.result = 9);
    stage.builder.push_finding(Finding {
        id: "0".repeat(32),
        rule_id: "reflex.sample".to_owned(),
        ..Finding::default()
    });
    stage
        .builder
        .finish(42, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
}

/// The rows as any reader must see them: bytes that are not UTF-8 as hex, 64-bit figures as decimal text.
pub fn rows_as_json(batch: &EventBatch, read: &ReadBatch) -> Value {
    let rows: Vec<Value> = read.rows.iter().map(|row| row_as_json(read, row)).collect();
    json!({
        "schemaVersion": batch.schema_version,
        "streamId": hex(&batch.stream_id),
        "batchSeq": batch.batch_seq.to_string(),
        "bootId": hex(&batch.boot_id),
        "baseTimeUs": batch.base_time_us.to_string(),
        "eventCount": batch.event_count,
        "traceparent": batch.traceparent,
        "findings": batch.findings.iter().map(|finding| finding.rule_id.clone()).collect::<Vec<_>>(),
        "rows": rows,
    })
}

fn row_as_json(read: &ReadBatch, row: &norn_events::ReadRow) -> Value {
    let process = &read.processes[row.process];
    json!({
        "kind": row.kind,
        "timeUs": row.time_us.to_string(),
        "path": text(&row.path),
        "target": text(&row.target),
        "flags": row.flags,
        "value": row.value.to_string(),
        "result": row.result,
        "process": {
            "uid": hex(&process.uid),
            "parentUid": hex(&process.parent_uid),
            "pid": process.pid,
            "namespacePid": process.namespace_pid,
            "parentPid": process.parent_pid,
            "startTimeUs": process.start_time_us.to_string(),
            "imageNumber": process.image_number,
            "containerId": text(&process.container_id),
            "userId": process.user_id,
            "groupId": process.group_id,
            "terminal": text(process.credentials.terminal()),
            "loginUserId": process.credentials.login_user_id,
            "sessionId": process.credentials.session_id,
            "capabilities": capabilities(&process.credentials.capabilities),
            "image": {
                "path": text(&process.image.path),
                "commandLine": text(&process.image.command_line),
                "workingDirectory": text(&process.image.working_directory),
                "sha256": hex(&process.image.sha256),
                "flags": process.image.flags,
                "package": text(&process.image.package),
                "packageVersion": text(&process.image.package_version),
            },
        },
    })
}

fn capabilities(sets: &Capabilities) -> Value {
    json!({
        "effective": sets.effective.to_string(),
        "permitted": sets.permitted.to_string(),
        "inheritable": sets.inheritable.to_string(),
        "ambient": sets.ambient.to_string(),
        "bounding": sets.bounding.to_string(),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| format!("hex:{}", hex(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
