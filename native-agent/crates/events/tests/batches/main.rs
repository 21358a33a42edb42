//! Batches as others read them: golden bytes, bounds, and what an event weighs.
mod sample;

use std::path::PathBuf;
use std::sync::Arc;

use norn_events::wire::event::v1::EventBatch;
use norn_events::{
    BatchBuilder, BatchError, BatchIdentity, Credentials, Event, EventKind, Image, Observer, Process,
    ProcessTable, ProcessUid, process_uid, read_batch,
};
use prost::Message;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../proto/golden")
        .join(name)
}

#[test]
fn the_golden_batch_is_what_the_builder_writes() {
    let bytes = std::fs::read(golden("batch-v1.bin")).expect("proto/golden is part of the repository");
    assert_eq!(
        sample::batch().encode_to_vec(),
        bytes,
        "if the wire form changed on purpose: --example write-golden"
    );
}

#[test]
fn the_golden_batch_reads_as_the_golden_rows() {
    let bytes = std::fs::read(golden("batch-v1.bin")).expect("proto/golden is part of the repository");
    let batch = EventBatch::decode(bytes.as_slice()).expect("it is a batch");
    let read = read_batch(&batch).expect("its columns agree");
    let expected =
        std::fs::read_to_string(golden("batch-v1.json")).expect("proto/golden is part of the repository");
    let expected: serde_json::Value = serde_json::from_str(&expected).expect("it is JSON");
    assert_eq!(sample::rows_as_json(&batch, &read), expected);
}

fn builder() -> BatchBuilder {
    let identity = BatchIdentity {
        stream_id: [1; 16],
        boot_id: [2; 16],
        wall_offset_ns: 1_700_000_000_000_000_000,
    };
    BatchBuilder::new(identity).expect("zstd has its context")
}

fn process(pid: u32) -> Process {
    let command_line =
        format!("/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main --worker {pid}");
    Process {
        uid: process_uid(&[2; 16], pid, u64::from(pid)),
        parent_uid: ProcessUid::UNKNOWN,
        pid,
        namespace_pid: pid,
        parent_pid: 1,
        start_time_ns: u64::from(pid),
        end_time_ns: None,
        image_number: 1,
        image: Arc::new(Image {
            path: b"/usr/lib/postgresql/15/bin/postgres".to_vec(),
            command_line: command_line.into_bytes(),
            working_directory: b"/var/lib/postgresql/15/main".to_vec(),
            environment: format!("SUDO_USER=eve{}", pid % 3).into_bytes(),
            sha256: Some([pid as u8; 32]),
            ..Image::default()
        }),
        container: None,
        cgroup_id: 1,
        user_id: 33,
        group_id: 33,
        credentials: Credentials::default(),
    }
}

/// One row for each path, by one process in ten.
fn observe(builder: &mut BatchBuilder, paths: impl Iterator<Item = String>) {
    let mut processes = ProcessTable::default();
    for (number, path) in paths.enumerate() {
        let process = processes.insert(process(1_000 + number as u32 / 10));
        let event = Event {
            kind: EventKind::FileOpen,
            time_ns: number as u64 * 10_000,
            process,
            flags: 0o101,
            value: 0o644,
            result: 3,
            path: path.as_bytes(),
            target: b"",
        };
        builder.observe(&event, &processes);
    }
}

fn drain(builder: &mut BatchBuilder) -> Vec<EventBatch> {
    let mut batches = Vec::new();
    while !builder.is_empty() {
        batches.push(builder.finish(batches.len() as u64 + 1, ""));
    }
    batches
}

#[test]
fn rows_come_back_in_order_over_as_many_batches_as_they_need() {
    let mut builder = builder();
    observe(&mut builder, (0..4_000).map(|number| format!("/srv/{number}")));
    assert!(builder.is_full());
    let batches = drain(&mut builder);
    let counts: Vec<u32> = batches.iter().map(|batch| batch.event_count).collect();
    assert_eq!(counts, [1_600, 1_600, 800]);
    let rows = batches
        .iter()
        .flat_map(|batch| read_batch(batch).expect("the columns agree").rows);
    let paths: Vec<String> = rows.map(|row| String::from_utf8(row.path).unwrap()).collect();
    assert_eq!(
        paths,
        (0..4_000)
            .map(|number| format!("/srv/{number}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_batch_of_long_paths_stays_below_its_size() {
    let mut builder = builder();
    observe(
        &mut builder,
        (0..1_000).map(|number| format!("/{number:05}/{}", "x".repeat(5_000))),
    );
    let batches = drain(&mut builder);
    assert!(batches.len() > 3, "{}", batches.len());
    assert!(
        batches
            .iter()
            .all(|batch| batch.columns_size as usize <= BatchBuilder::BYTES_MAX)
    );
    let longest = batches
        .iter()
        .flat_map(|batch| read_batch(batch).expect("the columns agree").rows);
    assert_eq!(longest.map(|row| row.path.len()).max(), Some(4_096));
}

#[test]
fn what_nobody_ships_is_refused_and_becomes_a_gap() {
    let mut builder = builder();
    let rows = BatchBuilder::ROWS_MAX * (BatchBuilder::SEALED_MAX + 1) + 50;
    observe(&mut builder, (0..rows).map(|_| "/srv/a".to_owned()));
    assert_eq!(builder.refused_rows(), 50);
    builder.finish(1, "");
    observe(&mut builder, std::iter::once("/srv/b".to_owned()));
    let last = drain(&mut builder).pop().expect("there is a last batch");
    let rows = read_batch(&last).expect("the columns agree").rows;
    assert_eq!(
        (rows[0].kind, rows[0].flags, rows[0].value),
        (EventKind::Gap as u8, 3, 50)
    );
    assert_eq!(rows[1].path, b"/srv/b");
}

#[test]
fn an_event_weighs_less_than_300_bytes_before_compression() {
    let mut builder = builder();
    observe(
        &mut builder,
        (0..1_600).map(|number| format!("/var/lib/postgresql/15/main/base/16384/{number}_fsm")),
    );
    let batch = builder.finish(1, "");
    let per_event = batch.columns_size / batch.event_count;
    println!(
        "{per_event} bytes an event, {} compressed",
        batch.columns.len() / batch.event_count as usize
    );
    assert!(per_event <= 300, "{per_event}");
}

#[test]
fn a_batch_that_lies_about_itself_is_refused() {
    let sound = sample::batch();
    let too_large = EventBatch {
        columns_size: 2 << 20,
        ..sound.clone()
    };
    assert!(matches!(read_batch(&too_large), Err(BatchError::TooLarge(_))));
    let more_rows = EventBatch {
        event_count: sound.event_count + 1,
        ..sound.clone()
    };
    assert!(matches!(
        read_batch(&more_rows),
        Err(BatchError::Malformed("kind"))
    ));
    let cut = EventBatch {
        columns: sound.columns[..sound.columns.len() / 2].to_vec(),
        ..sound
    };
    assert!(matches!(read_batch(&cut), Err(BatchError::NotZstd(_))));
}
