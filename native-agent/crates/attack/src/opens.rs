//! Opens and closes the corpus's files, for benchmarks: what being watched or protected costs a file.
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Instant;

use crate::guard;

/// Prints nanoseconds of one open and close, the median over the corpus, for each pass over it, as a JSON array.
pub fn run(dir: &Path, write: bool, passes: u32) -> anyhow::Result<()> {
    let files = guard::files(dir)?;
    let mut options = OpenOptions::new();
    options.read(!write).write(write);
    let mut medians: Vec<u128> = Vec::new();
    for _ in 0..passes {
        let mut times = Vec::with_capacity(files.len());
        for file in &files {
            let started = Instant::now();
            drop(options.open(file)?);
            times.push(started.elapsed().as_nanos());
        }
        times.sort_unstable();
        medians.extend(times.get(times.len() / 2).copied());
    }
    println!("{}", serde_json::to_string(&medians)?);
    Ok(())
}
