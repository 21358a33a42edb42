//! `baldur watch`: what the sensor sees, one JSON object a line.
mod flags;

use std::io::{self, BufWriter, StdoutLock, Write};
use std::time::{Duration, Instant};

use clap::Args;
use norn_events::{Event, EventKind, Observer, ProcessTable};
use norn_probe::{Probe, ProbeOptions};
use serde_json::{Map, Value, json};

#[derive(Args)]
pub struct WatchArguments {
    /// JSON lines; the default and, for now, the only form.
    #[arg(long)]
    json: bool,
    /// Only these kinds, comma-separated: exec,fork,exit,file_open,net_connect ….
    #[arg(long, value_delimiter = ',', value_parser = parse_kind)]
    kinds: Vec<EventKind>,
    /// Only this container: its id or the beginning of it.
    #[arg(long)]
    container: Option<String>,
    /// Ends after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
}

const POLL: Duration = Duration::from_millis(100);

pub fn watch(arguments: &WatchArguments) -> anyhow::Result<()> {
    let mut probe = Probe::start(&ProbeOptions::default())?;
    let deadline = arguments
        .seconds
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut printer = Printer {
        arguments,
        wall_offset_ns: probe.wall_offset_ns(),
        out: BufWriter::new(io::stdout().lock()),
        failure: None,
    };
    while deadline.is_none_or(|deadline| Instant::now() < deadline) {
        probe.poll(POLL, &mut [&mut printer])?;
        printer.flush();
        match printer.failure.take() {
            // Whoever reads has seen enough.
            Some(failure) if failure.kind() == io::ErrorKind::BrokenPipe => break,
            Some(failure) => return Err(failure.into()),
            None => {}
        }
    }
    Ok(())
}

/// "exec", "open" or "file_open", in any case.
fn parse_kind(text: &str) -> Result<EventKind, String> {
    let name = text.trim().to_ascii_uppercase().replace('-', "_");
    ["", "FILE_", "NET_"]
        .iter()
        .find_map(|family| EventKind::from_str_name(&format!("EVENT_KIND_{family}{name}")))
        .ok_or_else(|| {
            format!("no event kind is called {text}: try exec, fork, exit, open, rename, unlink, connect")
        })
}

struct Printer<'a> {
    arguments: &'a WatchArguments,
    wall_offset_ns: i64,
    out: BufWriter<StdoutLock<'static>>,
    failure: Option<io::Error>,
}

impl Printer<'_> {
    fn flush(&mut self) {
        if let Err(error) = self.out.flush() {
            self.failure.get_or_insert(error);
        }
    }

    fn is_wanted(&self, event: &Event<'_>, container: &str) -> bool {
        let kinds = &self.arguments.kinds;
        (kinds.is_empty() || kinds.contains(&event.kind))
            && self
                .arguments
                .container
                .as_ref()
                .is_none_or(|wanted| container.starts_with(wanted.as_str()))
    }
}

impl Observer for Printer<'_> {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let Some(process) = processes.get(event.process) else {
            return;
        };
        let container = process.container.as_deref().unwrap_or_default();
        if !self.is_wanted(event, container) {
            return;
        }
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        let time_ns = event.time_ns.saturating_add_signed(self.wall_offset_ns);
        put("timeUs", json!(time_ns / 1_000));
        put("kind", json!(short_name(event.kind)));
        put("pid", json!(process.pid));
        put("namespacePid", json!(process.namespace_pid));
        put("parentPid", json!(process.parent_pid));
        put("processUid", json!(process.uid.to_string()));
        put("imageNumber", json!(process.image_number));
        put("containerId", json!(container));
        put("image", text(&process.image.path));
        put("commandLine", text(&process.image.command_line));
        put("workingDirectory", text(&process.image.working_directory));
        put("imageFlags", flags::image_flags(process.image.flags));
        put("sha256", json!(process.image.sha256.as_ref().map(hex)));
        put("uid", json!(process.user_id));
        put("gid", json!(process.group_id));
        put("path", text(event.path));
        put("target", text(event.target));
        put("flags", json!(event.flags));
        put("value", json!(event.value));
        put("result", json!(event.result));
        put(
            "decoded",
            Value::Object(flags::decode(event.kind, event.flags, event.value)),
        );
        let written = serde_json::to_writer(&mut self.out, &line).map_err(io::Error::from);
        if let Err(error) = written.and_then(|()| self.out.write_all(b"\n")) {
            self.failure.get_or_insert(error);
        }
    }
}

fn short_name(kind: EventKind) -> String {
    kind.as_str_name()
        .trim_start_matches("EVENT_KIND_")
        .to_ascii_lowercase()
}

fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

fn hex(sum: &[u8; 32]) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
