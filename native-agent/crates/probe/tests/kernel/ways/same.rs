//! The same deed in two ways has the same events.
use norn_events::EventKind;

use crate::sensor::Seen;

/// What rules go by: path, target, flags, value, whether it failed. The number of a descriptor is chance.
pub type Figures = (String, String, u32, u64, bool);

pub fn figures_of(seen: &[Seen], kind: EventKind) -> Vec<Figures> {
    seen.iter()
        .filter(|event| event.kind == kind)
        .map(|event| {
            let (path, target) = (event.path.clone(), event.target.clone());
            (path, target, event.flags, event.value, event.result < 0)
        })
        .collect()
}

pub fn assert_same(expected: &[Figures], seen: &[Figures]) {
    assert!(!expected.is_empty(), "the call itself is seen");
    assert_eq!(expected, seen);
}
