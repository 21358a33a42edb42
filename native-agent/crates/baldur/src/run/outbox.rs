//! Batches that Tyr has not acked: bounded, sent in order, sent again after a reconnect. Baldur never waits for Tyr: when
//! there is no room the oldest batches without findings go, and what went is told of as a GAP.
use std::collections::VecDeque;

use norn_events::wire::event::v1::EventBatch;
use prost::Message;

/// Tag of `batch_seq` (field 3, varint). Appended to a serialised batch it sets the field: messages concatenate.
const BATCH_SEQ_TAG: u8 = 3 << 3;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Serialised, without its number until it is first sent: so a batch dropped before leaves no hole in the numbers.
    bytes: Vec<u8>,
    seq: Option<u64>,
    events: u32,
    has_findings: bool,
}

/// What was dropped since it was last told of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    pub events: u64,
    pub since_ns: u64,
}

#[derive(Debug)]
pub struct Outbox {
    /// Those with a number come first.
    entries: VecDeque<Entry>,
    /// How many of them this connection has been given.
    given: usize,
    bytes: usize,
    last_seq: u64,
    loss: Loss,
    lost_total: u64,
    bytes_max: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::of(Self::BYTES_MAX)
    }
}

impl Outbox {
    /// Of serialised batches: 100 s of a busy host, with what it takes to stay below 60 MB in all.
    pub const BYTES_MAX: usize = 16 << 20;

    pub fn of(bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            given: 0,
            bytes: 0,
            last_seq: 0,
            loss: Loss::default(),
            lost_total: 0,
            bytes_max,
        }
    }

    pub fn push(&mut self, batch: &EventBatch, now_ns: u64) {
        let entry = Entry {
            bytes: batch.encode_to_vec(),
            seq: None,
            events: batch.event_count,
            has_findings: !batch.findings.is_empty(),
        };
        self.bytes += entry.bytes.len();
        self.entries.push_back(entry);
        while self.bytes > self.bytes_max && self.entries.len() > 1 {
            self.drop_one(now_ns);
        }
    }

    /// The next batch for this connection, with its number.
    pub fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        let entry = self.entries.get_mut(self.given)?;
        let seq = *entry.seq.get_or_insert_with(|| {
            self.last_seq += 1;
            entry.bytes.push(BATCH_SEQ_TAG);
            push_varint(&mut entry.bytes, self.last_seq);
            self.last_seq
        });
        self.given += 1;
        Some((seq, entry.bytes.clone()))
    }

    /// Everything up to `seq` is safe.
    pub fn ack(&mut self, seq: u64) {
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.seq.is_some_and(|own| own <= seq))
        {
            self.remove(0);
        }
    }

    /// A new connection: what is not acked is given again.
    pub fn rewind(&mut self) {
        self.given = 0;
    }

    pub fn has_next(&self) -> bool {
        self.given < self.entries.len()
    }

    /// Something was lost that nobody was told of.
    pub fn has_loss(&self) -> bool {
        self.loss.events > 0
    }

    pub fn is_half_empty(&self) -> bool {
        self.bytes <= self.bytes_max / 2
    }

    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub fn lost_total(&self) -> u64 {
        self.lost_total
    }

    pub fn take_loss(&mut self) -> Option<Loss> {
        self.has_loss().then(|| std::mem::take(&mut self.loss))
    }

    /// First what nobody was given and holds no finding, then what holds none, then the oldest.
    fn drop_one(&mut self, now_ns: u64) {
        let newest = self.entries.len() - 1;
        let bulk = |from: usize| (from..newest).find(|&at| !self.entries[at].has_findings);
        let unsent = self
            .entries
            .iter()
            .position(|entry| entry.seq.is_none())
            .unwrap_or(newest);
        let victim = bulk(unsent).or_else(|| bulk(0)).unwrap_or(0);
        let events = u64::from(self.remove(victim).map_or(0, |entry| entry.events));
        if self.loss.events == 0 {
            self.loss.since_ns = now_ns;
        }
        self.loss.events += events;
        self.lost_total += events;
    }

    fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.remove(at)?;
        self.bytes -= entry.bytes.len().min(self.bytes);
        if at < self.given {
            self.given -= 1;
        }
        Some(entry)
    }
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use norn_events::wire::finding::v1::Finding;

    fn batch(events: u32, bytes: usize, findings: usize) -> EventBatch {
        EventBatch {
            event_count: events,
            columns: vec![7; bytes],
            findings: vec![Finding::default(); findings],
            ..EventBatch::default()
        }
    }

    fn seqs(outbox: &mut Outbox) -> Vec<u64> {
        std::iter::from_fn(|| outbox.next().map(|(seq, _)| seq)).collect()
    }

    #[test]
    fn batches_are_numbered_from_one_and_the_number_is_in_the_batch() {
        let mut outbox = Outbox::default();
        (0..200).for_each(|_| outbox.push(&batch(1, 10, 0), 0));
        let sent: Vec<_> = std::iter::from_fn(|| outbox.next()).collect();
        assert_eq!(
            sent.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            (1..=200).collect::<Vec<_>>()
        );
        let decoded: Vec<u64> = sent
            .iter()
            .map(|(_, bytes)| EventBatch::decode(bytes.as_slice()).unwrap().batch_seq)
            .collect();
        assert_eq!(decoded, (1..=200).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_acked_is_given_again_with_the_same_numbers() {
        let mut outbox = Outbox::default();
        (0..5).for_each(|_| outbox.push(&batch(1, 10, 0), 0));
        assert_eq!(seqs(&mut outbox), [1, 2, 3, 4, 5]);
        outbox.ack(2);
        outbox.rewind();
        assert_eq!(seqs(&mut outbox), [3, 4, 5]);
    }

    #[test]
    fn when_full_old_bulk_goes_findings_stay_and_the_numbers_have_no_hole() {
        let mut outbox = Outbox::default();
        outbox.push(&batch(10, 1 << 20, 1), 5);
        (0..40).for_each(|_| outbox.push(&batch(10, 1 << 20, 0), 5));
        assert!(outbox.bytes <= Outbox::BYTES_MAX);
        let sent: Vec<_> = std::iter::from_fn(|| outbox.next()).collect();
        assert_eq!(
            sent.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            (1..=sent.len() as u64).collect::<Vec<_>>()
        );
        assert_eq!(
            EventBatch::decode(sent[0].1.as_slice()).unwrap().findings.len(),
            1
        );
        let lost = 41 - sent.len() as u64;
        assert_eq!(
            outbox.take_loss(),
            Some(Loss {
                events: lost * 10,
                since_ns: 5
            })
        );
        assert_eq!(outbox.take_loss(), None);
    }

    #[test]
    fn an_ack_of_what_was_never_sent_removes_nothing() {
        let mut outbox = Outbox::default();
        outbox.push(&batch(1, 10, 0), 0);
        outbox.ack(99);
        assert_eq!(seqs(&mut outbox), [1]);
    }
}
