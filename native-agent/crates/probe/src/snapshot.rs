//! All processes that run, from the kernel's task iterator: at the start, and again after lifecycle events were lost.
use std::collections::HashSet;
use std::io::Read;

use libbpf_rs::{Iter, Link};
use norn_events::ProcessIndex;
use norn_os::boot_ns;

use crate::ProbeError;
use crate::record::Record;
use crate::tracker::{Observers, Tracker};

pub struct Snapshot {
    bytes: Vec<u8>,
    /// When it was complete, CLOCK_BOOTTIME ns.
    pub taken_ns: u64,
    /// Processes that began later may be missing from it.
    begun_ns: u64,
}

impl Snapshot {
    pub fn take(iterator: &Link) -> Result<Self, ProbeError> {
        let failed = |error: &dyn std::fmt::Display| ProbeError::Snapshot(error.to_string());
        let begun_ns = boot_ns();
        let mut bytes = Vec::new();
        let mut iter = Iter::new(iterator).map_err(|error| failed(&error))?;
        iter.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        Ok(Self {
            bytes,
            taken_ns: boot_ns(),
            begun_ns,
        })
    }

    /// Oldest first, so that parents come before their children.
    fn records(&self) -> Vec<Record<'_>> {
        let mut records: Vec<Record<'_>> = Record::parse_all(&self.bytes).collect();
        records.sort_by_key(|record| record.header.start_time_ns);
        records
    }

    /// Fills the table with what ran before the sensor did; those that began later have events of their own.
    pub fn fill(&self, tracker: &mut Tracker) -> Vec<ProcessIndex> {
        let before = tracker.started_ns();
        self.records()
            .iter()
            .filter(|record| record.header.start_time_ns < before)
            .map(|record| tracker.see(record).0)
            .collect()
    }

    /// Brings the table in line: what runs and was not known is reported, what does not run any more ends. To be called
    /// when all records up to `taken_ns` have been handled.
    pub fn reconcile(&self, tracker: &mut Tracker, observers: Observers<'_, '_>) -> usize {
        let mut running = HashSet::new();
        let mut reported = 0;
        for record in self.records() {
            let (process, is_news) = tracker.see(&record);
            running.insert(process);
            if is_news {
                tracker.report_seen(process, self.taken_ns, observers);
                reported += 1;
            }
        }
        let vanished: Vec<ProcessIndex> = tracker
            .processes
            .iter()
            .filter(|(index, process)| {
                process.end_time_ns.is_none()
                    && process.start_time_ns < self.begun_ns
                    && !running.contains(index)
            })
            .map(|(index, _)| index)
            .collect();
        for process in vanished {
            tracker.report_vanished(process, self.taken_ns, observers);
            reported += 1;
        }
        reported
    }
}
