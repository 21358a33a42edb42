//! Ordinary work at a steady rate, for benchmarks: each round creates, writes and unlinks one file.
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Kernel events of one round: open for write, unlink.
const EVENTS_PER_ROUND: u64 = 2;
const TICK: Duration = Duration::from_millis(10);

/// Prints how many events it caused.
pub fn run(dir: &Path, seconds: u64, rate: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        let due = (start.elapsed().as_secs_f64() * rate as f64) as u64 / EVENTS_PER_ROUND;
        while rounds < due {
            let path = dir.join(format!("work-{}", rounds % 64));
            fs::write(&path, b"ordinary work\n")?;
            fs::remove_file(&path)?;
            rounds += 1;
        }
        sleep(TICK);
    }
    println!("{}", rounds * EVENTS_PER_ROUND);
    Ok(())
}
