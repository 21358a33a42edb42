//! Rows that wait for what is being found out about their process. A program that was never started before has no sum yet when it opens
//! its first file; a rule that asks for its package would judge it wrongly.
use std::collections::VecDeque;

use norn_events::{BatchBuilder, Event, EventKind, Observer, ProcessIndex, ProcessTable, ProcessUid};

#[derive(Default)]
pub struct Withheld(VecDeque<Row>);

struct Row {
    uid: ProcessUid,
    kind: EventKind,
    time_ns: u64,
    process: ProcessIndex,
    flags: u32,
    value: u64,
    result: i32,
    path: Vec<u8>,
    target: Vec<u8>,
}

impl Withheld {
    /// Further ones do not wait.
    const ROWS_MAX: usize = 1_024;

    /// Puts what need not wait into the batch.
    pub fn before<'a>(&'a mut self, builder: &'a mut BatchBuilder) -> Patient<'a> {
        Patient {
            withheld: self,
            builder,
        }
    }

    /// Puts the rows whose process is known now into the batch; `all`: the others as well. Whether there were any.
    pub fn release(&mut self, builder: &mut BatchBuilder, processes: &ProcessTable, all: bool) -> bool {
        let waiting = self.0.len();
        for _ in 0..waiting {
            let Some(row) = self.0.pop_front() else { break };
            if !all && is_asked_about(row.process, row.uid, processes) {
                self.0.push_back(row);
            } else if processes
                .get(row.process)
                .is_some_and(|process| process.uid == row.uid)
            {
                builder.observe(&row.event(), processes);
            }
        }
        self.0.len() < waiting
    }
}

impl Row {
    fn event(&self) -> Event<'_> {
        Event {
            kind: self.kind,
            time_ns: self.time_ns,
            process: self.process,
            flags: self.flags,
            value: self.value,
            result: self.result,
            path: &self.path,
            target: &self.target,
        }
    }
}

fn is_asked_about(index: ProcessIndex, uid: ProcessUid, processes: &ProcessTable) -> bool {
    processes
        .get(index)
        .is_some_and(|process| process.uid == uid && process.image.is_asked_about)
}

pub struct Patient<'a> {
    withheld: &'a mut Withheld,
    builder: &'a mut BatchBuilder,
}

impl Observer for Patient<'_> {
    fn observe(&mut self, event: &Event<'_>, processes: &ProcessTable) {
        let Some(process) = processes.get(event.process) else {
            return;
        };
        let is_of_the_question =
            event.kind == EventKind::Exec || Event::needs_origin(event.kind, event.value);
        let waits = process.image.is_asked_about && is_of_the_question;
        if !waits || self.withheld.0.len() >= Withheld::ROWS_MAX {
            self.builder.observe(event, processes);
            return;
        }
        self.withheld.0.push_back(Row {
            uid: process.uid,
            kind: event.kind,
            time_ns: event.time_ns,
            process: event.process,
            flags: event.flags,
            value: event.value,
            result: event.result,
            path: event.path.to_vec(),
            target: event.target.to_vec(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use norn_events::{BatchIdentity, Image, ImageFlag, SensitiveFile, read_batch};

    use super::*;
    use crate::run::testing::process;

    const HASHES: u64 = (SensitiveFile::PasswordHash as u64) << 32;

    fn reader(table: &mut ProcessTable) -> ProcessIndex {
        let image = Image {
            path: b"/usr/bin/chage".to_vec(),
            is_asked_about: true,
            ..Image::default()
        };
        table.insert(process(7, image))
    }

    fn event(kind: EventKind, process: ProcessIndex, value: u64) -> Event<'static> {
        Event {
            kind,
            time_ns: 5_000,
            process,
            flags: 0,
            value,
            result: 3,
            path: b"/etc/shadow",
            target: b"",
        }
    }

    fn builder() -> BatchBuilder {
        BatchBuilder::new(BatchIdentity {
            stream_id: [1; 16],
            boot_id: [2; 16],
            wall_offset_ns: 0,
        })
        .unwrap()
    }

    #[test]
    fn a_row_waits_for_its_process_and_is_told_with_what_was_found_out() {
        let (mut builder, mut withheld) = (builder(), Withheld::default());
        let mut table = ProcessTable::default();
        let process = reader(&mut table);
        let mut patient = withheld.before(&mut builder);
        patient.observe(&event(EventKind::FileRename, process, 0), &table);
        patient.observe(&event(EventKind::Exec, process, 0), &table);
        patient.observe(&event(EventKind::FileRead, process, HASHES), &table);
        assert_eq!(builder.len(), 1, "an event that nobody asks about does not wait");
        assert!(!withheld.release(&mut builder, &table, false));
        let image = Arc::make_mut(&mut table.get_mut(process).unwrap().image);
        image.is_asked_about = false;
        image.flags = ImageFlag::Packaged as u32;
        assert!(withheld.release(&mut builder, &table, false));
        let batch = read_batch(&builder.finish(1, "")).unwrap();
        let flags = |row: usize| batch.processes[batch.rows[row].process].image.flags;
        let packaged = ImageFlag::Packaged as u32;
        assert_eq!([flags(0), flags(1), flags(2)], [0, packaged, packaged]);
        assert_eq!(batch.rows[2].path, b"/etc/shadow");
    }

    #[test]
    fn at_the_end_nothing_is_kept_back_and_nothing_is_told_of_another() {
        let (mut builder, mut withheld) = (builder(), Withheld::default());
        let mut table = ProcessTable::default();
        let process = reader(&mut table);
        withheld
            .before(&mut builder)
            .observe(&event(EventKind::FileRead, process, HASHES), &table);
        withheld.release(&mut builder, &table, true);
        assert_eq!(builder.len(), 1);
        withheld
            .before(&mut builder)
            .observe(&event(EventKind::FileRead, process, HASHES), &table);
        table.get_mut(process).unwrap().uid = ProcessUid([9; 16]);
        withheld.release(&mut builder, &table, true);
        assert_eq!(builder.len(), 1);
    }
}
