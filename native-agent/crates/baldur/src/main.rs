//! Baldur, the agent on the host: `run` protects, `watch` shows what the sensor sees, `capabilities` says what it can see.
#![forbid(unsafe_code)]

mod capabilities;
mod copy;
mod lifeline;
mod run;
mod watch;

use clap::{Parser, Subcommand};
use tracing::Level;

#[derive(Parser)]
#[command(
    name = "baldur",
    version,
    about = "Observes, protects and restores this host and its containers"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Protects this host: observes, stops attacks, keeps pre-images and restores.
    Run(run::RunArguments),
    /// Prints what the sensor sees, one JSON object a line.
    Watch(watch::WatchArguments),
    /// Says what this host can observe and by which mechanism.
    Capabilities(capabilities::CapabilitiesArguments),
    /// Gives back what an agent that has ended has cut off the network.
    Rejoin(run::RejoinArguments),
    /// Copies this program to a file, for a container that has no other way to get it.
    Copy(copy::CopyArguments),
    /// Ends an agent that is held; the agent starts it.
    #[command(hide = true)]
    Lifeline(lifeline::LifelineArguments),
}

fn main() -> anyhow::Result<()> {
    let command = Arguments::parse().command;
    // Inside a container the application's own output is beside it: only what matters.
    let quiet = matches!(&command, Command::Run(arguments) if arguments.is_inside());
    let level = if quiet { Level::WARN } else { Level::INFO };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .json()
        .init();
    match command {
        Command::Run(arguments) => match run::run(arguments)? {
            0 => Ok(()),
            code => std::process::exit(code),
        },
        Command::Watch(arguments) => watch::watch(&arguments),
        Command::Capabilities(arguments) => capabilities::show(&arguments),
        Command::Rejoin(arguments) => run::lift_all(&arguments),
        Command::Copy(arguments) => copy::copy(&arguments),
        Command::Lifeline(arguments) => lifeline::keep(&arguments),
    }
}
