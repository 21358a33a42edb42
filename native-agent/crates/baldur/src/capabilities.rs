//! `baldur capabilities`: what this host can observe, as a table or as JSON.
use std::io::{self, Write};

use clap::Args;
use norn_events::wire::event::v1::Capability;
use norn_probe::{Probe, ProbeOptions};
use serde_json::json;

#[derive(Args)]
pub struct CapabilitiesArguments {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// What could be done from within this container, without the host.
    #[arg(long)]
    inside: bool,
}

pub fn show(arguments: &CapabilitiesArguments) -> anyhow::Result<()> {
    let capabilities = match arguments.inside {
        true => {
            let mut all = norn_inside::capabilities();
            all.push(crate::run::isolation_capability());
            all
        }
        false => Probe::start(&ProbeOptions::default())?.capabilities(),
    };
    if arguments.json {
        let list: Vec<_> = capabilities.iter().map(as_json).collect();
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&list)?)?;
        return Ok(());
    }
    for capability in &capabilities {
        writeln!(io::stdout(), "{}", as_line(capability))?;
    }
    Ok(())
}

fn as_json(capability: &Capability) -> serde_json::Value {
    json!({
        "name": capability.name,
        "available": capability.available,
        "verified": capability.verified,
        "mechanism": capability.mechanism,
        "detail": capability.detail,
    })
}

fn as_line(capability: &Capability) -> String {
    let state = match (capability.available, capability.verified) {
        (true, true) => "verified",
        (true, false) => "available",
        (false, _) => "missing",
    };
    let Capability {
        name,
        mechanism,
        detail,
        ..
    } = capability;
    format!("{state:<10} {name:<24} {mechanism:<12} {detail}")
        .trim_end()
        .to_owned()
}
