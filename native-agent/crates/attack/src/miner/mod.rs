//! What miners compute, without a coin and without a network: the same instructions over a counter.
mod double_sha;
mod scratchpad;
mod table;

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, ValueEnum};
use scrypt::Params;
use sha3::{Digest as _, Keccak256};

use double_sha::DoubleSha;
use scratchpad::Scratchpad;
use table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// SHA-256 twice over a header, as for Bitcoin
    Sha256d,
    /// Keccak-256
    Keccak,
    /// AES rounds over 2 MiB with wide multiplication, as for CryptoNight
    AesScratchpad,
    /// scrypt with N = 1024, as for Litecoin
    Scrypt,
    /// Words of a table of 64 MiB folded with FNV, as for Ethash
    Table,
}

#[derive(Debug, Clone, Args)]
pub struct Work {
    #[arg(long, value_enum, default_value = "sha256d")]
    kind: Kind,
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Of one core; the rest of the time it sleeps
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    percent: u32,
    /// Starts a process for each this many milliseconds of work
    #[arg(long)]
    process_ms: Option<u64>,
}

/// Worked and slept in turns of this length.
const TURN: Duration = Duration::from_millis(200);

pub fn run(work: &Work) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(work.seconds);
    if let Some(process_ms) = work.process_ms {
        return run_in_processes(work.kind, (Duration::from_millis(process_ms), end));
    }
    let mut miner = miner(work.kind)?;
    let busy = TURN * work.percent / 100;
    while Instant::now() < end {
        mine(&mut miner, (Instant::now() + busy).min(end));
        std::thread::sleep(TURN - busy);
    }
    Ok(())
}

/// What one of many processes does.
pub fn run_once(kind: Kind, ms: u64) -> anyhow::Result<()> {
    mine(&mut miner(kind)?, Instant::now() + Duration::from_millis(ms));
    Ok(())
}

fn run_in_processes(kind: Kind, (each, end): (Duration, Instant)) -> anyhow::Result<()> {
    let name = kind.to_possible_value().map(|value| value.get_name().to_owned());
    while Instant::now() < end {
        let status = Command::new("/proc/self/exe")
            .args(["miner-once", name.as_deref().unwrap_or_default()])
            .arg(each.as_millis().to_string())
            .status()?;
        if !status.success() {
            bail!("a process of the miner ended with {status}");
        }
    }
    Ok(())
}

type Miner = Box<dyn FnMut(u64)>;

/// Calls it with one nonce after the other.
fn mine(miner: &mut Miner, end: Instant) {
    let mut nonce = 0;
    while Instant::now() < end {
        // Some milliseconds of the slowest.
        for _ in 0..8 {
            miner(nonce);
            nonce += 1;
        }
    }
}

fn miner(kind: Kind) -> anyhow::Result<Miner> {
    let mut header = [0x5a_u8; 80];
    let mut next = move |nonce: u64| {
        header[72..].copy_from_slice(&nonce.to_le_bytes());
        header
    };
    Ok(match kind {
        Kind::Sha256d => {
            let miner = DoubleSha::new();
            Box::new(move |nonce| {
                black_box(miner.hash(nonce));
            })
        }
        Kind::Keccak => Box::new(move |nonce| {
            black_box(Keccak256::digest(Keccak256::digest(next(nonce))));
        }),
        Kind::Scrypt => {
            let parameters = Params::new(10, 1, 1)?;
            Box::new(move |nonce| {
                let (header, mut hash) = (next(nonce), [0; 32]);
                // The length is what scrypt gives.
                let done = scrypt::scrypt(&header, &header, &parameters, &mut hash);
                black_box((done.is_ok(), hash));
            })
        }
        Kind::AesScratchpad => {
            let mut scratchpad = Scratchpad::new()?;
            Box::new(move |nonce| {
                black_box(scratchpad.hash(nonce));
            })
        }
        Kind::Table => {
            let table = Table::new();
            Box::new(move |nonce| {
                black_box(table.hash(nonce));
            })
        }
    })
}
