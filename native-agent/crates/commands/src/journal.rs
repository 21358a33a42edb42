//! Commands this agent has begun, on disk before they run: an id runs at most once, for ever. The file is append-only, a
//! JSON line a record; a torn last line is cut.
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use norn_events::wire::action::v1::Command;
use norn_os::write_whole;
use prost::Message;
use serde::{Deserialize, Serialize};

/// A record of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: String,
    alert: String,
    epoch: u64,
    expires_at_us: u64,
    /// How often it was begun: more than once only for a restore that was cut off.
    attempt: u32,
    done: bool,
    /// The command, serialised, in hex; only while it is not done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    command: String,
}

/// Whether a command may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    New,
    /// Begun before, done or not.
    Seen,
    /// A higher epoch of the alert has been begun.
    Fenced,
}

pub struct Journal {
    path: PathBuf,
    file: File,
    records: HashMap<String, Record>,
    epochs: HashMap<String, u64>,
    lines: usize,
}

impl Journal {
    /// Ids kept. Beyond it those go that expired long ago: an expired command is refused whether its id is known or not.
    const RECORDS_MAX: usize = 100_000;
    /// Against clocks that were set back.
    const KEPT_BEYOND_EXPIRY_US: u64 = 7 * 24 * 3_600 * 1_000_000;

    pub fn open(path: &Path) -> io::Result<Self> {
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let whole = content
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        if whole < content.len() {
            tracing::warn!(
                bytes = content.len() - whole,
                "the torn end of the command journal is cut"
            );
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        file.set_len(whole as u64)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            records: HashMap::new(),
            epochs: HashMap::new(),
            lines: 0,
        };
        for line in content[..whole]
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            match serde_json::from_slice(line) {
                Ok(record) => journal.remember(record),
                Err(error) => {
                    tracing::error!(%error, "journal_malformed: a line of the command journal is skipped")
                }
            }
        }
        Ok(journal)
    }

    pub fn admit(&self, command: &Command) -> Admission {
        if self.records.contains_key(&command.id) {
            return Admission::Seen;
        }
        let highest = self.epochs.get(&command.alert_id).copied().unwrap_or(0);
        if command.epoch < highest {
            Admission::Fenced
        } else {
            Admission::New
        }
    }

    /// On disk when this returns; only then may the command run.
    pub fn begin(&mut self, command: &Command) -> io::Result<()> {
        let attempt = self
            .records
            .get(&command.id)
            .map_or(1, |record| record.attempt + 1);
        self.write(Record {
            id: command.id.clone(),
            alert: command.alert_id.clone(),
            epoch: command.epoch,
            expires_at_us: command.expires_at_us,
            attempt,
            done: false,
            command: command
                .encode_to_vec()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    pub fn finish(&mut self, id: &str) -> io::Result<()> {
        let Some(record) = self.records.get(id) else {
            return Ok(());
        };
        self.write(Record {
            done: true,
            command: String::new(),
            ..record.clone()
        })
    }

    /// Begun and not finished, with the number of times they were begun: what an end of the agent cut off.
    pub fn unfinished(&self) -> Vec<(Command, u32)> {
        let mut cut: Vec<(Command, u32)> = self
            .records
            .values()
            .filter(|record| !record.done)
            .filter_map(|record| {
                Some((
                    Command::decode(from_hex(&record.command)?.as_slice()).ok()?,
                    record.attempt,
                ))
            })
            .collect();
        cut.sort_by_key(|(command, _)| command.issued_at_us);
        cut
    }

    /// Drops ids that expired long ago, when there are too many; rewrites the file.
    pub fn compact_if_due(&mut self, now_us: u64) -> io::Result<()> {
        if self.lines <= 2 * Self::RECORDS_MAX {
            return Ok(());
        }
        self.records
            .retain(|_, record| !record.done || record.expires_at_us + Self::KEPT_BEYOND_EXPIRY_US > now_us);
        let mut content = Vec::new();
        for record in self.records.values() {
            serde_json::to_writer(&mut content, record)?;
            content.push(b'\n');
        }
        write_whole(&self.path, &content)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = self.records.len();
        Ok(())
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.remember(record);
        Ok(())
    }

    fn remember(&mut self, record: Record) {
        self.lines += 1;
        let highest = self.epochs.entry(record.alert.clone()).or_default();
        *highest = (*highest).max(record.epoch);
        self.records.insert(record.id.clone(), record);
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn command(id: &str, epoch: u64) -> Command {
        Command {
            id: id.to_owned(),
            alert_id: "alert".to_owned(),
            epoch,
            expires_at_us: 5,
            ..Command::default()
        }
    }

    #[test]
    fn an_id_is_seen_after_a_restart_and_knows_whether_it_was_finished() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("commands.journal");
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.admit(&command("a", 1)), Admission::New);
        journal.begin(&command("a", 1)).unwrap();
        journal.begin(&command("b", 1)).unwrap();
        journal.finish("a").unwrap();
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.admit(&command("a", 1)), Admission::Seen);
        assert_eq!(journal.unfinished(), [(command("b", 1), 1)]);
    }

    #[test]
    fn a_lower_epoch_of_an_alert_is_fenced() {
        let dir = tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("commands.journal")).unwrap();
        journal.begin(&command("a", 3)).unwrap();
        assert_eq!(journal.admit(&command("b", 2)), Admission::Fenced);
        assert_eq!(journal.admit(&command("c", 3)), Admission::New);
        assert_eq!(
            journal.admit(&Command {
                alert_id: "other".to_owned(),
                ..command("d", 1)
            }),
            Admission::New
        );
    }

    #[test]
    fn a_torn_last_line_is_cut_and_the_next_record_is_whole() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("commands.journal");
        Journal::open(&path).unwrap().begin(&command("a", 1)).unwrap();
        let mut content = fs::read(&path).unwrap();
        content.extend(b"{\"id\":\"b\",\"al");
        fs::write(&path, content).unwrap();
        Journal::open(&path).unwrap().begin(&command("c", 1)).unwrap();
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.admit(&command("b", 1)), Admission::New);
        assert_eq!(journal.admit(&command("c", 1)), Admission::Seen);
    }
}
