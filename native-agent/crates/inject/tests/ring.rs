//! The shared ring under pressure: what has no room is counted, what is read is each record once, and a bad record harms nobody.
mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use norn_hook::channel::{RECORDS, TEXT_BYTES};
use norn_inject::{Channel, Wanted};
use support::{Directory, PYTHON, Program, calls_of, find, hook, start, until, victims};

#[test]
fn a_full_ring_drops_and_counts_and_goes_on_when_it_is_read() {
    let directory = Directory::new("full");
    let mut program = start(&victims(&directory)[0], &directory.0.join("place"));
    let hooked = hook(program.pid());
    for _ in 0..60 {
        program.run("files");
    }
    let losses = hooked.channel().losses();
    assert!(losses.dropped > 0);
    assert_eq!(calls_of(hooked.channel()).len(), RECORDS);
    program.run("unlink");
    assert!(
        find(
            &calls_of(hooked.channel()),
            &[norn_hook::calls::UNLINK],
            "kept".as_ref()
        )
        .is_some()
    );
    assert_eq!(hooked.channel().losses(), losses);
    program.end();
}

#[test]
fn threads_and_signal_handlers_lose_and_double_nothing() {
    let directory = Directory::new("threads");
    for victim in victims(&directory) {
        let mut program = start(&victim, &directory.0.join("place"));
        let hooked = hook(program.pid());
        let (channel, over) = (hooked.channel().clone(), AtomicBool::new(false));
        let calls = std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut calls = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    channel.read(&mut |call| calls.push(call));
                }
                calls
            });
            program.run("storm 300");
            over.store(true, Ordering::SeqCst);
            reading.join().unwrap()
        });
        let rest = calls_of(&channel);
        let places = channel.shared().header.head.value.load(Ordering::SeqCst);
        let losses = channel.losses();
        assert_eq!(
            calls.len() as u64 + rest.len() as u64 + losses.torn,
            places,
            "each place is read once: {losses:?}"
        );
        // Those that had no room are counted; those that had are whole.
        let all: Vec<_> = calls.into_iter().chain(rest).collect();
        let opens = all.iter().filter(|call| support::OPENS.contains(&call.number));
        let names: std::collections::BTreeSet<&[u8]> = opens.map(|call| &call.first[..]).collect();
        let expected: [&[u8]; 5] = [b"/dev/null", b"t0", b"t1", b"t2", b"t3"];
        assert!(
            !names.is_empty() && names.iter().all(|name| expected.contains(name)),
            "{names:?}"
        );
        program.end();
    }
}

#[test]
fn a_record_that_is_never_completed_is_passed_over() {
    let channel = Channel::new(&Wanted::default()).unwrap();
    let shared = channel.shared();
    shared.header.head.value.store(2, Ordering::SeqCst);
    // The second is complete, the first one's thread was ended in the middle.
    shared.ring[1].ready.store(2, Ordering::SeqCst);
    let mut calls = Vec::new();
    assert_eq!(channel.read(&mut |call| calls.push(call)), 0, "it is waited for");
    until("the second record", || {
        channel.read(&mut |call| calls.push(call)) > 0
    });
    assert_eq!((calls.len(), channel.losses().torn), (1, 1));
}

#[test]
fn a_record_with_impossible_lengths_is_cut() {
    let channel = Channel::new(&Wanted::default()).unwrap();
    let file = channel.file();
    let at = std::mem::offset_of!(norn_hook::channel::Channel, ring)
        + std::mem::offset_of!(norn_hook::channel::Record, first_bytes);
    std::os::unix::fs::FileExt::write_all_at(file, &[0xFF; 4], at as u64).unwrap();
    channel
        .shared()
        .header
        .head
        .value
        .store(u64::MAX, Ordering::SeqCst);
    channel.shared().ring[0].ready.store(1, Ordering::SeqCst);
    let mut calls = Vec::new();
    channel.read(&mut |call| calls.push(call));
    assert_eq!((calls[0].first.len(), calls[0].second.len()), (TEXT_BYTES, 0));
}

#[test]
fn nobody_can_make_the_shared_memory_shorter() {
    let channel = Channel::new(&Wanted::default()).unwrap();
    assert!(channel.file().set_len(0).is_err());
}

#[test]
fn a_thread_that_takes_an_ended_ones_place_has_its_own_id() {
    let mut python = Program::start(PYTHON);
    python.run("import threading");
    let hooked = hook(python.pid());
    let line = "for _ in range(3): t = threading.Thread(target=lambda: [open('/dev/null') for _ in range(2)]); t.start(); t.join()";
    python.run(line);
    let calls = calls_of(hooked.channel());
    let opens = calls.iter().filter(|call| call.first == b"/dev/null");
    let tids: Vec<u32> = opens.map(|call| call.tid).collect();
    assert_eq!(tids.len(), 6);
    let distinct: std::collections::BTreeSet<&u32> = tids.iter().collect();
    assert_eq!(distinct.len(), 3, "{tids:?}");
    python.end();
}
