//! What the sensor costs, measured bare and watched in turn within one run, as JSON on standard output.
//! `cargo run --release -p norn-probe --example sensor-bench [-- --rounds N]`; needs root and an otherwise idle machine.
mod consumer;
mod workload;

use std::time::Duration;

use consumer::Consumer;
use serde_json::{Value, json};
use workload::{Workload, median};

fn main() {
    let rounds = rounds_asked_for().unwrap_or(9);
    let workloads = workload::all();
    let mut bare: Vec<Vec<f64>> = vec![Vec::new(); workloads.len()];
    let mut watched = bare.clone();
    for _ in 0..rounds {
        measure(&workloads, &mut bare);
        let consumer = Consumer::start();
        measure(&workloads, &mut watched);
        consumer.stop();
    }
    let rows: Vec<Value> = (0..workloads.len())
        .map(|at| row(&workloads[at], &bare[at], &watched[at]))
        .collect();
    let flood = flood();
    println!(
        "{:#}",
        json!({ "rounds": rounds, "workloads": rows, "flood": flood })
    );
}

fn rounds_asked_for() -> Option<usize> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == "--rounds")?;
    arguments.get(at + 1)?.parse().ok()
}

fn measure(workloads: &[Workload], results: &mut [Vec<f64>]) {
    for (workload, results) in workloads.iter().zip(results) {
        results.push(workload.ns_per_call());
    }
}

fn row(workload: &Workload, bare: &[f64], watched: &[f64]) -> Value {
    let (bare, watched) = (median(bare), median(watched));
    json!({
        "name": workload.name,
        "bareNs": bare.round(),
        "watchedNs": watched.round(),
        "addedNs": (watched - bare).round(),
        "ratio": (watched / bare * 1_000.0).round() / 1_000.0,
    })
}

/// Events as fast as one process can make them: how many come through, and what each costs user space.
fn flood() -> Value {
    let consumer = Consumer::start();
    let before = consumer.figures();
    let started = std::time::Instant::now();
    let made = workload::flood_of_opens(Duration::from_secs(4));
    let seconds = started.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(200));
    let after = consumer.figures();
    let stats = consumer.stop();
    let events = after.events - before.events;
    json!({
        "eventsMade": made,
        "eventsSeen": events,
        "lost": stats.lost_bulk + stats.lost_critical,
        "shed": stats.shed_bulk,
        "eventsPerSecond": (made as f64 / seconds).round(),
        "consumerCpuUsPerEvent": (after.cpu_ns - before.cpu_ns) as f64 / 1_000.0 / events.max(1) as f64,
        "batchBytesPerEvent": after.batch_bytes.saturating_sub(before.batch_bytes) as f64 / events.max(1) as f64,
        "rssBytes": after.rss_bytes,
    })
}
