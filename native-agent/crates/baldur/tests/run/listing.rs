//! What was told may be lost on its way: Baldur tells again of all that runs, when it is asked to and not too often.
use norn_events::EventKind;
use norn_events::wire::agent::v1::{ListProcesses, baldur_message, tyr_message};

use super::fake_tyr::{FakeTyr, Stage, as_batch};
use super::{Victim, start};

/// Pids by listing: those told of at one time are one.
fn listings(tyr: &FakeTyr) -> Vec<(u64, Vec<u32>)> {
    let mut told: Vec<(u64, Vec<u32>)> = Vec::new();
    for (_, batch) in tyr
        .said
        .iter()
        .filter_map(|message| as_batch(message.message.as_ref()?))
    {
        for row in batch
            .rows
            .iter()
            .filter(|row| row.kind == EventKind::ProcessSeen as u8 && row.flags == 1)
        {
            let pid = batch.processes[row.process].pid;
            match told.last_mut() {
                Some((time_us, pids)) if *time_us == row.time_us => pids.push(pid),
                _ => told.push((row.time_us, vec![pid])),
            }
        }
    }
    told
}

#[test]
fn all_that_runs_is_told_again_once_a_minute_at_most() {
    let mut stage = Stage::new("listing", &["--no-vault"]);
    let Some(mut tyr) = start(&mut stage) else { return };
    let running = Victim::start();
    let ended = Victim::start();
    tyr.process(running.pid());
    tyr.process(ended.pid());
    let ended_pid = ended.pid();
    drop(ended);
    tyr.until("the end of a process", |message| {
        let (_, batch) = as_batch(message)?;
        let is_end = |kind: u8, process: usize| {
            kind == EventKind::Exit as u8 && batch.processes[process].pid == ended_pid
        };
        batch
            .rows
            .iter()
            .any(|row| is_end(row.kind, row.process))
            .then_some(())
    });
    for _ in 0..3 {
        tyr.say(tyr_message::Message::ListProcesses(ListProcesses {}));
    }
    tyr.until("a listing", |message| {
        let (_, batch) = as_batch(message)?;
        batch
            .rows
            .iter()
            .any(|row| row.flags == 1 && row.kind == EventKind::ProcessSeen as u8)
            .then_some(())
    });
    // What was told before it has come by the time that this one has.
    let later = Victim::start();
    tyr.process(later.pid());

    let told = listings(&tyr);
    assert_eq!(told.len(), 1);
    assert!(told[0].1.contains(&running.pid()) && told[0].1.contains(&std::process::id()));
    assert!(!told[0].1.contains(&ended_pid));
    let told_us = told[0].0;
    tyr.said.clear();
    tyr.until(
        "a heartbeat that says how far was told",
        |message| match message {
            baldur_message::Message::Heartbeat(heartbeat) => heartbeat
                .health
                .as_ref()
                .is_some_and(|health| health.newest_event_at_us >= told_us)
                .then_some(()),
            _ => None,
        },
    );
}
