//! Final outcomes, on disk until Tyr says it has them: a restore's verdicts must not be lost with a connection.
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use norn_events::wire::action::v1::Outcome;
use norn_os::write_whole;
use prost::Message;

pub struct Outcomes {
    dir: PathBuf,
    /// Command ids by age: oldest first.
    waiting: BTreeMap<u64, String>,
    next: u64,
}

impl Outcomes {
    /// Commands whose outcome waits for an ack; beyond it the oldest is given up.
    const WAITING_MAX: usize = 256;
    /// Files of a restore in one message: 1,000 verdicts are about 200 KiB.
    const FILES_PER_PART: usize = 1_000;

    pub fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut found: Vec<(std::time::SystemTime, String)> = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(id) = name.strip_suffix(".outcome") {
                found.push((entry.metadata()?.modified()?, id.to_owned()));
            }
        }
        found.sort();
        let waiting: BTreeMap<u64, String> = (0..).zip(found.into_iter().map(|(_, id)| id)).collect();
        Ok(Self {
            dir: dir.to_owned(),
            next: waiting.len() as u64,
            waiting,
        })
    }

    /// Cuts an outcome into parts, puts them on disk, and returns them for sending.
    pub fn store(&mut self, outcome: Outcome) -> io::Result<Vec<Outcome>> {
        let id = outcome.command_id.clone();
        let parts = into_parts(outcome);
        let bytes: Vec<u8> = parts
            .iter()
            .flat_map(Message::encode_length_delimited_to_vec)
            .collect();
        write_whole(&self.file(&id), &bytes)?;
        self.waiting.retain(|_, waiting| *waiting != id);
        self.waiting.insert(self.next, id);
        self.next += 1;
        while self.waiting.len() > Self::WAITING_MAX {
            if let Some((_, oldest)) = self.waiting.pop_first() {
                tracing::error!(
                    command = oldest,
                    "outcome_given_up: tyr has not acked it and there are too many"
                );
                let _gone = fs::remove_file(self.file(&oldest));
            }
        }
        Ok(parts)
    }

    /// The stored parts of a command's outcome.
    pub fn load(&self, id: &str) -> Option<Vec<Outcome>> {
        let bytes = fs::read(self.file(id)).ok()?;
        let (mut rest, mut parts) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            parts.push(Outcome::decode_length_delimited(&mut rest).ok()?);
        }
        Some(parts)
    }

    /// Everything that waits for an ack, oldest first.
    pub fn waiting(&self) -> Vec<Outcome> {
        self.waiting
            .values()
            .filter_map(|id| self.load(id))
            .flatten()
            .collect()
    }

    pub fn ack(&mut self, id: &str) {
        let before = self.waiting.len();
        self.waiting.retain(|_, waiting| waiting != id);
        if self.waiting.len() < before {
            let _gone = fs::remove_file(self.file(id));
        }
    }

    fn file(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.outcome"))
    }
}

/// Part 0 is the message that the command runs; the files follow in parts 1, 2, …, the last with the final state.
fn into_parts(mut outcome: Outcome) -> Vec<Outcome> {
    use norn_events::wire::action::v1::OutcomeState;
    let files = std::mem::take(&mut outcome.files);
    let count = files.len().div_ceil(Outcomes::FILES_PER_PART).max(1);
    let mut files = files.into_iter();
    (1..=count)
        .map(|part| {
            let files = files.by_ref().take(Outcomes::FILES_PER_PART).collect();
            let mut message = Outcome {
                files,
                part: part as u32,
                ..outcome.clone()
            };
            if part < count {
                message.state = OutcomeState::Running.into();
                message.killed_pids = Vec::new();
                message.finished_at_us = 0;
            }
            message
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use norn_events::wire::action::v1::{FileVerdict, OutcomeState};

    fn outcome(files: usize) -> Outcome {
        Outcome {
            command_id: "c1".to_owned(),
            state: OutcomeState::Succeeded.into(),
            files: vec![FileVerdict::default(); files],
            killed_pids: vec![7],
            ..Outcome::default()
        }
    }

    #[test]
    fn many_files_travel_in_parts_and_only_the_last_is_final() {
        let dir = tempdir().unwrap();
        let parts = Outcomes::open(dir.path()).unwrap().store(outcome(2_500)).unwrap();
        assert_eq!(
            parts
                .iter()
                .map(|part| (part.part, part.files.len()))
                .collect::<Vec<_>>(),
            [(1, 1_000), (2, 1_000), (3, 500)]
        );
        let states: Vec<i32> = parts.iter().map(|part| part.state).collect();
        let (running, done) = (OutcomeState::Running as i32, OutcomeState::Succeeded as i32);
        assert_eq!(states, [running, running, done]);
        assert_eq!(parts[2].killed_pids, [7]);
    }

    #[test]
    fn an_outcome_waits_on_disk_until_it_is_acked() {
        let dir = tempdir().unwrap();
        Outcomes::open(dir.path()).unwrap().store(outcome(1)).unwrap();
        let mut again = Outcomes::open(dir.path()).unwrap();
        assert_eq!(again.waiting().len(), 1);
        again.ack("c1");
        assert!(again.waiting().is_empty());
        assert!(Outcomes::open(dir.path()).unwrap().waiting().is_empty());
    }
}
