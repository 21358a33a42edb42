//! Opens and closes the corpus's files, for benchmarks: what being watched or protected costs a file.
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Instant;

use crate::guard;

/// Prints nanoseconds of one open and close, averaged over the corpus, for each pass over it, as a JSON array.
pub fn run(dir: &Path, write: bool, passes: u32) -> anyhow::Result<()> {
    let files = guard::files(dir)?;
    let mut options = OpenOptions::new();
    options.read(!write).write(write);
    let mut averages = Vec::new();
    for _ in 0..passes {
        let started = Instant::now();
        for file in &files {
            drop(options.open(file)?);
        }
        averages.push(started.elapsed().as_nanos() / files.len().max(1) as u128);
    }
    println!("{}", serde_json::to_string(&averages)?);
    Ok(())
}
