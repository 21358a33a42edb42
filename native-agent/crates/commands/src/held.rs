//! The findings that this agent has made itself, by id and scope: what a policy's command about one of them is compared with.
//! The newest are kept, over restarts too; a line each in a file that is appended to.
use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use norn_events::ProcessUid;
use norn_events::wire::finding::v1::Finding;
use norn_os::write_whole;

pub struct Held {
    path: PathBuf,
    file: File,
    scopes: HashMap<String, ProcessUid>,
    /// Oldest first.
    order: VecDeque<String>,
    lines: usize,
}

impl Held {
    /// A command follows its finding within minutes.
    const FINDINGS_MAX: usize = 10_000;

    pub fn open(path: &Path) -> io::Result<Self> {
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut held = Self {
            path: path.to_owned(),
            file: append_to(path)?,
            scopes: HashMap::new(),
            order: VecDeque::new(),
            lines: 0,
        };
        // A torn line holds nothing.
        for (id, scope) in String::from_utf8_lossy(&content)
            .lines()
            .filter_map(|line| line.split_once(' '))
        {
            if let Some(scope) = ProcessUid::parse(scope) {
                held.keep(id, scope);
            }
        }
        // From a line's beginning on, whatever the end of the file is. A full disk is no reason not to start.
        if let Err(error) = held.rewrite() {
            tracing::error!(%error, "held_not_kept: is the disk of the state directory full?");
        }
        Ok(held)
    }

    /// In memory whatever becomes of the disk.
    pub fn add(&mut self, finding: &Finding) {
        let Ok(scope) = finding.scope_uid.as_slice().try_into().map(ProcessUid) else {
            return;
        };
        self.keep(&finding.id, scope);
        if let Err(error) = self.write(&finding.id, scope) {
            tracing::error!(%error, finding = finding.id, "held_not_kept: after a restart a policy's command about it is refused");
        }
    }

    pub fn is_of(&self, id: &str, scope: &[u8]) -> bool {
        self.scopes.get(id).is_some_and(|held| held.0 == scope)
    }

    fn keep(&mut self, id: &str, scope: ProcessUid) {
        if self.scopes.insert(id.to_owned(), scope).is_none() {
            self.order.push_back(id.to_owned());
        }
        if self.order.len() > Self::FINDINGS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.scopes.remove(&oldest);
        }
    }

    fn write(&mut self, id: &str, scope: ProcessUid) -> io::Result<()> {
        if self.lines >= 2 * Self::FINDINGS_MAX {
            return self.rewrite();
        }
        self.lines += 1;
        self.file.write_all(format!("{id} {scope}\n").as_bytes())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let lines: String = self
            .order
            .iter()
            .filter_map(|id| Some(format!("{id} {}\n", self.scopes.get(id)?)))
            .collect();
        write_whole(&self.path, lines.as_bytes())?;
        self.file = append_to(&self.path)?;
        self.lines = self.order.len();
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn finding(number: usize) -> Finding {
        Finding {
            id: format!("{number:032x}"),
            scope_uid: vec![number as u8; 16],
            ..Finding::default()
        }
    }

    fn holds(held: &Held, number: usize) -> bool {
        held.is_of(&finding(number).id, &finding(number).scope_uid)
    }

    #[test]
    fn a_finding_is_held_with_its_scope_over_a_restart_and_a_torn_line() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("held.findings");
        let mut held = Held::open(&path).unwrap();
        held.add(&finding(1));
        assert!(holds(&held, 1));
        assert!(!held.is_of(&finding(1).id, &[9; 16]));
        let mut content = fs::read(&path).unwrap();
        content.extend(b"0123 45");
        fs::write(&path, content).unwrap();
        let mut held = Held::open(&path).unwrap();
        assert!(holds(&held, 1));
        held.add(&finding(2));
        let held = Held::open(&path).unwrap();
        assert!(holds(&held, 1) && holds(&held, 2) && !holds(&held, 3));
    }

    #[test]
    fn the_oldest_go_and_the_file_stays_bounded() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("held.findings");
        let mut held = Held::open(&path).unwrap();
        let last = 2 * Held::FINDINGS_MAX + 5;
        for number in 0..=last {
            held.add(&finding(number));
        }
        assert!(holds(&held, last) && !holds(&held, last - Held::FINDINGS_MAX));
        assert!(fs::read_to_string(&path).unwrap().lines().count() <= 2 * Held::FINDINGS_MAX);
        assert!(holds(&Held::open(&path).unwrap(), last));
    }
}
