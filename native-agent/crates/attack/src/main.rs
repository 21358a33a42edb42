//! Harmless attack simulators. Each works only inside a corpus that this program made and marked, and refuses anything else.
mod call;
mod code;
mod corpus;
mod fileless;
mod guard;
mod load;
mod manifest;
mod miner;
mod opens;
mod random;
mod ransomware;
mod reverse_shell;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    version,
    about = "Harmless attack simulators; they act only inside a corpus made by `prepare`"
)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Make a corpus of files of many kinds in a new directory, and mark it
    Prepare {
        dir: PathBuf,
        #[arg(long, default_value_t = 300)]
        files: u32,
    },
    /// Print what is in the corpus as JSON: content hash, mode, owner, mtime, extended attributes
    Manifest { dir: PathBuf },
    /// Encrypt or wipe the corpus; ends with 3 when the kernel refuses what the mode needs
    Ransomware {
        dir: PathBuf,
        #[arg(long, value_enum, default_value = "in-place")]
        mode: ransomware::Mode,
        /// Pause between files, milliseconds; 1000 for `slow`, else 0
        #[arg(long)]
        pause_ms: Option<u64>,
        /// One file of the corpus instead of all
        #[arg(long)]
        only: Option<PathBuf>,
        /// Only say whether the mode can work here
        #[arg(long)]
        check: bool,
    },
    /// Run a program from memory that never was a file
    Fileless { dir: PathBuf },
    /// What `fileless` runs from memory
    #[command(hide = true)]
    FilelessPayload { dir: PathBuf },
    /// Compute what miners compute
    Miner {
        dir: PathBuf,
        #[command(flatten)]
        work: miner::Work,
    },
    /// What `miner --process-ms` starts
    #[command(hide = true)]
    MinerOnce {
        #[arg(value_enum)]
        kind: miner::Kind,
        ms: u64,
    },
    /// Run a loop from memory where no code should be; ends by SIGALRM
    Code {
        dir: PathBuf,
        #[arg(long, value_enum, default_value = "anonymous")]
        from: code::From,
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
    /// Give a shell to a listener on loopback that this program starts itself
    ReverseShell {
        dir: PathBuf,
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Ordinary work at a steady rate: create, write and unlink files (for benchmarks)
    Load {
        dir: PathBuf,
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Kernel events a second
        #[arg(long, default_value_t = 20_000)]
        rate: u64,
    },
    /// Open and close every file of the corpus, pass by pass, and print the time of one as JSON (for benchmarks)
    Opens {
        dir: PathBuf,
        /// For writing; otherwise for reading
        #[arg(long)]
        write: bool,
        #[arg(long, default_value_t = 1)]
        passes: u32,
    },
    /// Wait, so that a container has something to run
    Hold,
}

/// What the program ends with when the kernel refuses what a mode needs; nothing was touched.
const REFUSED: u8 = 3;

fn main() -> ExitCode {
    match run(Arguments::parse().scenario) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("norn-attack: {error:#}");
            let refused = error.downcast_ref::<ransomware::Refused>().is_some();
            if refused {
                REFUSED.into()
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(scenario: Scenario) -> anyhow::Result<()> {
    match scenario {
        Scenario::Prepare { dir, files } => corpus::prepare(&dir, files),
        Scenario::Manifest { dir } => manifest::print(&guard::marked(&dir)?),
        Scenario::Ransomware {
            dir,
            mode,
            pause_ms,
            only,
            check,
        } => {
            let (dir, pace) = (guard::marked(&dir)?, ransomware::Pace::new(mode, pause_ms));
            match only {
                _ if check => ransomware::check(mode),
                Some(path) => ransomware::run_one(&dir, &path, pace),
                None => ransomware::run(&dir, pace),
            }
        }
        Scenario::Fileless { dir } => fileless::run(&guard::marked(&dir)?),
        Scenario::FilelessPayload { dir } => fileless::payload(&guard::marked(&dir)?),
        Scenario::Miner { dir, work } => {
            guard::marked(&dir)?;
            miner::run(&work)
        }
        Scenario::MinerOnce { kind, ms } => miner::run_once(kind, ms),
        Scenario::Code { dir, from, seconds } => code::run(&guard::marked(&dir)?, from, seconds),
        Scenario::ReverseShell { dir, seconds } => {
            guard::marked(&dir)?;
            reverse_shell::run(seconds)
        }
        Scenario::Load { dir, seconds, rate } => load::run(&guard::marked(&dir)?, seconds, rate),
        Scenario::Opens { dir, write, passes } => opens::run(&guard::marked(&dir)?, write, passes),
        Scenario::Hold => loop {
            std::thread::park();
        },
    }
}
