//! A finding travels after the events that caused it; its processes travel with it.
use norn_events::{BatchBuilder, BatchIdentity, Process, ProcessTable, ProcessUid, read_batch};

fn process(name: u8) -> Process {
    Process {
        uid: ProcessUid([name; 16]),
        parent_uid: ProcessUid::UNKNOWN,
        pid: u32::from(name),
        namespace_pid: 1,
        parent_pid: 1,
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 1,
        image: std::sync::Arc::default(),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    }
}

#[test]
fn a_mentioned_process_is_in_the_table_once_and_an_unknown_one_is_not() {
    let identity = BatchIdentity {
        stream_id: [1; 16],
        boot_id: [2; 16],
        wall_offset_ns: 0,
    };
    let mut builder = BatchBuilder::new(identity).unwrap();
    let mut processes = ProcessTable::default();
    processes.insert(process(7));

    builder.mention(ProcessUid([7; 16]), &processes);
    builder.mention(ProcessUid([7; 16]), &processes);
    builder.mention(ProcessUid([9; 16]), &processes);

    let batch = read_batch(&builder.finish(1, "")).unwrap();
    let uids: Vec<[u8; 16]> = batch.processes.iter().map(|process| process.uid).collect();
    assert_eq!(uids, [[7; 16]]);
    assert!(batch.rows.is_empty());
}
