//! Who has a name, and who had it at a time.
use std::sync::Arc;

use super::Index;
use crate::file::{FileKey, PlaceId};
use crate::record::Time;

impl Index {
    /// Who had the name at `time`: `None` when that is not known, `Some(None)` when nobody had it.
    pub fn name_at(&self, place: PlaceId, path: &[u8], time: Time) -> Option<Option<FileKey>> {
        self.holder((place, path), time, None)
    }

    /// Who had the name before `key` got it by an operation at `time`; somebody may have opened it since.
    pub fn name_before(&self, name: (PlaceId, &[u8]), time: Time, key: FileKey) -> Option<FileKey> {
        self.holder(name, time, Some(key)).flatten()
    }

    /// Of holders other than `but`. What was known below a directory's former names holds below its present one.
    fn holder(
        &self,
        (place, path): (PlaceId, &[u8]),
        time: Time,
        but: Option<FileKey>,
    ) -> Option<Option<FileKey>> {
        let at = |path: &[u8], time| {
            let known = self.named_so((place, path), time, but);
            known.filter(|(_, since)| !self.moves.has_left((place, path), *since..time))
        };
        let known = at(path, time);
        if self.moves.is_empty() || known.is_some() && !self.moves.has_exchanges() {
            return known.map(|(holder, _)| holder);
        }
        let mut name = (path.to_vec(), known);
        for former in self.moves.former((place, path), time) {
            let until = former.until;
            let is_stale = |since: Time| former.is_exchange && since <= until;
            if let Some((holder, _)) = name.1.filter(|(_, since)| !is_stale(*since)) {
                return Some(holder);
            }
            let known = match former.is_exchange {
                true => self.before_exchange(place, (&former.path, &name.0), (until, but)),
                false => at(&former.path, until),
            };
            name = (former.path, known);
        }
        name.1.map(|(holder, _)| holder)
    }

    /// By this very name, and since when.
    pub(super) fn named_so(
        &self,
        (place, path): (PlaceId, &[u8]),
        time: Time,
        but: Option<FileKey>,
    ) -> Option<(Option<FileKey>, Time)> {
        match self.names.get(&(place, Arc::from(path))) {
            Some(history) => history.at(time, but),
            None => {
                let (key, since) = self.at_rest.holder(place, path)?;
                (since <= time && but != Some(key)).then_some((Some(key), since))
            }
        }
    }

    /// Who had the name `path` before what is below it and below `other` changed places. Who opened a file then may have seen it
    /// by its new name before the exchange was told: one that still had `other` was not here yet.
    fn before_exchange(
        &self,
        place: PlaceId,
        (path, other): (&[u8], &[u8]),
        (time, but): (Time, Option<FileKey>),
    ) -> Option<(Option<FileKey>, Time)> {
        let Some(history) = self.names.get(&(place, Arc::from(path))) else {
            return self.named_so((place, path), time, but);
        };
        let there = self.names.get(&(place, Arc::from(other)));
        let rests = self.at_rest.holder(place, other);
        let had_other = |key: FileKey, since: Time| match there {
            Some(there) => there.had(key, since),
            None => rests.is_some_and(|(holder, at)| holder == key && at < since),
        };
        history.last_of(time, |key, since| {
            key.is_none_or(|key| but != Some(key) && !had_other(key, since))
        })
    }
}
