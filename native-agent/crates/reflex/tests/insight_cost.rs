//! What it costs to look at what runs: the CPU time of one thread that does nothing else, while another computes and this machine
//! does what it does.
use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use norn_events::{Image, Process, ProcessTable, ProcessUid};
use norn_insight::{Sampler, of_this_cpu, self_test, thread_cpu_ns};
use norn_programs::Packages;
use norn_reflex::{Reflexes, Source};

const RUN: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(10);
const PERIOD_NS: u64 = 100_000;
const NEW_PROCESSES: Duration = Duration::from_millis(500);

fn cpu_time() -> Duration {
    Duration::from_nanos(thread_cpu_ns())
}

/// Processes that came since the last call.
fn look_up(processes: &mut ProcessTable, known: &mut HashSet<u32>) {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|&pid| known.insert(pid)) {
        let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let mut uid = [0; 16];
        uid[..4].copy_from_slice(&pid.to_le_bytes());
        processes.insert(Process {
            uid: ProcessUid(uid),
            parent_uid: ProcessUid::UNKNOWN,
            pid,
            namespace_pid: pid,
            parent_pid: 1,
            start_time_ns: 0,
            end_time_ns: None,
            image_number: 1,
            image: Arc::new(Image {
                path: path.into_os_string().into_encoded_bytes(),
                ..Image::default()
            }),
            container: None,
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: Default::default(),
        });
    }
}

/// Computes until it is dropped: an idle machine gives no samples.
struct Load(Arc<AtomicBool>, Option<std::thread::JoinHandle<u64>>);

impl Load {
    fn start() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let seen = ends.clone();
        let work = move || {
            let mut number = 1_u64;
            while !seen.load(Ordering::Relaxed) {
                number = std::hint::black_box(number.rotate_left(7) ^ 0x9e37);
            }
            number
        };
        Self(ends, Some(std::thread::spawn(work)))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.1.take() {
            let _number = thread.join();
        }
    }
}

#[test]
#[ignore = "measures for ten seconds: needs perf, prints, judges only that there are samples"]
fn looking_at_what_runs_costs() {
    let mut sampler = Sampler::open().expect("perf_event_open is allowed");
    let decoder = of_this_cpu();
    let tested = self_test(&mut sampler, decoder.as_ref().ok().map(Box::as_ref));
    let mut reflexes = Reflexes::new(
        Box::new(Packages::default()),
        Some(Source {
            instructions: Box::new(sampler),
            decoder,
            self_test: tested,
            cpu_ns: thread_cpu_ns,
        }),
    );
    let (mut processes, mut known) = (ProcessTable::default(), HashSet::new());
    let load = Load::start();
    let (begun, mut looked_up, mut spent) = (Instant::now(), None::<Instant>, Duration::ZERO);
    while begun.elapsed() < RUN {
        if looked_up.is_none_or(|at| at.elapsed() > NEW_PROCESSES) {
            look_up(&mut processes, &mut known);
            looked_up = Some(Instant::now());
        }
        let before = cpu_time();
        reflexes.tick(begun.elapsed().as_nanos() as u64, &processes);
        spent += cpu_time() - before;
        std::thread::sleep(TICK);
    }
    drop(load);
    let status = reflexes.insight_status();
    println!(
        "{:.3} % of a core; {status:?}; found: {:?}",
        spent.as_secs_f64() * 100.0 / begun.elapsed().as_secs_f64(),
        reflexes
            .take()
            .iter()
            .map(|firing| &firing.summary)
            .collect::<Vec<_>>()
    );
    println!("{:.0} ns of the sampled CPU a sample", sample_cost_ns());
    assert!(status.samples > 0, "{status:?}");
}

/// The same work with ten thousand samples a second and with none: the difference is theirs.
fn sample_cost_ns() -> f64 {
    let work = || {
        let before = cpu_time();
        let mut number = 1_u64;
        (0..400_000_000).for_each(|_| number = std::hint::black_box(number.rotate_left(7) ^ 0x9e37));
        (cpu_time() - before).as_nanos() as f64
    };
    let bare = work();
    let mut sampler = Sampler::open().expect("perf_event_open is allowed");
    sampler.set_period(PERIOD_NS);
    let sampled = work();
    (sampled - bare) / (sampled / PERIOD_NS as f64)
}
