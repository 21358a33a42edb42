//! The state in which the scope found a file: its content from before its first change to that, and owner, mode and attributes from
//! before its first change to anything.
use norn_journal::file::{FileKey, Metadata};
use norn_journal::index::FileState;
use norn_journal::record::{Aspect, Content, Time, Version};
use norn_os as os;

use super::origin::origin_of_content;
use super::scope::Scope;

/// `first` is when the scope began to change the file.
pub fn found(scope: &Scope<'_>, (key, state): (FileKey, &FileState), first: Time) -> Option<Version> {
    let version = state.before(first);
    let content = origin_of_content(scope, (key, state)).and_then(|time| state.before(time));
    let content = content.filter(|content| is_copy(content) && content.time > first);
    let found = match (version, content) {
        (Some(version), Some(content)) => with_metadata(content, version, state),
        (None, Some(content)) => content.clone(),
        (version, None) => untold(scope, (key, state), version?),
    };
    Some(found).filter(|found| !found.is_unopened())
}

/// A content of its own, which does not tell by its metadata where it lies.
fn is_copy(version: &Version) -> bool {
    !matches!(version.content, Content::Missing(_) | Content::Lower(_))
}

/// The content was copied when the scope opened the file, and had changed its metadata already.
fn with_metadata(content: &Version, version: &Version, state: &FileState) -> Version {
    let is_between = |time: Time| version.time < time && time < content.time;
    let mut changes = state.changes.iter();
    let is_rewritten = changes.any(|change| change.aspect == Aspect::Content && is_between(change.time));
    let written = if is_rewritten { content } else { version };
    Version {
        metadata: Metadata {
            size: content.metadata.size,
            modified_ns: written.metadata.modified_ns,
            ..version.metadata.clone()
        },
        ..content.clone()
    }
}

/// Nobody tells of an attribute that is set in a container. What differs, though the content is the same, was changed by the scope
/// when it was changed after the scope had begun.
fn untold(scope: &Scope<'_>, (key, state): (FileKey, &FileState), version: &Version) -> Version {
    let same = |metadata: &Metadata| (metadata.size, metadata.modified_ns);
    let before = state.before(version.time - 1);
    let before = before.filter(|before| same(&before.metadata) == same(&version.metadata));
    let since_ns = i128::from(scope.since_of(key)) + i128::from(os::wall_ns()) - i128::from(os::boot_ns());
    let is_told = |before: &Version| {
        let mut changes = state.changes.iter();
        changes.any(|change| before.time < change.time && change.time <= version.time)
    };
    let is_scopes =
        scope.holds_of(key, version.pid, version.time).is_some() && version.metadata.changed_ns >= since_ns;
    match before.filter(|before| is_scopes && is_copy(version) && !is_told(before)) {
        Some(before) => Version {
            metadata: before.metadata.clone(),
            ..version.clone()
        },
        None => version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use norn_journal::record::{BlobRef, Missing};

    use super::*;
    use crate::planning::origin::origin;
    use crate::planning::testing::{File, Told, uid};
    use crate::request::RestoreRequest;

    const FILE: File<'_> = ("file", 1);
    /// Of the attack.
    const ATTACKER: u32 = 7;
    const OTHER: u32 = 9;

    fn told() -> Told {
        Told::of(&[(ATTACKER, 0), (OTHER, 0)])
    }

    /// With its mode, which was set just now.
    fn held(content: Content, mode: u32) -> (Content, Metadata) {
        let metadata = Metadata {
            mode,
            changed_ns: i128::from(os::wall_ns()),
            ..Metadata::default()
        };
        (content, metadata)
    }

    /// Content and mode.
    fn found_in(told: &Told) -> Option<(Content, u32)> {
        let request = RestoreRequest {
            scopes: vec![uid(ATTACKER)],
            ..RestoreRequest::default()
        };
        let scope = Scope::new(&told.0, &request);
        let key = FileKey(FILE.1);
        let state = told.0.state(key).unwrap();
        let first = origin(&scope, (key, &state)).unwrap();
        found(&scope, (key, &state), first).map(|found| (found.content, found.metadata.mode))
    }

    fn copy(segment: u32) -> Content {
        Content::Packed(vec![BlobRef {
            segment,
            offset: 0,
            length: 1,
        }])
    }

    #[test]
    fn who_sets_the_mode_first_finds_its_mode_from_before_and_its_content_from_his_open() {
        let mut told = told();
        told.state((10, 0), FILE, held(Content::Missing(Missing::Unopened), 0o640));
        told.changed((20, ATTACKER), FILE, Aspect::Metadata);
        told.state((30, ATTACKER), FILE, held(copy(1), 0o777));
        told.changed((40, ATTACKER), FILE, Aspect::Content);
        assert_eq!(found_in(&told), Some((copy(1), 0o640)));
    }

    #[test]
    fn a_file_of_which_nothing_was_known_when_its_mode_was_set_has_its_content() {
        let mut told = told();
        told.changed((20, ATTACKER), FILE, Aspect::Metadata);
        told.state((30, ATTACKER), FILE, held(copy(1), 0o777));
        told.changed((40, ATTACKER), FILE, Aspect::Content);
        assert_eq!(found_in(&told), Some((copy(1), 0o777)));
    }

    #[test]
    fn a_mode_of_which_nobody_told_is_the_attacks_when_it_was_set_since_it_began() {
        let mut told = told();
        told.state((10, 0), FILE, held(copy(1), 0o640));
        told.state((30, ATTACKER), FILE, held(copy(2), 0o777));
        told.changed((40, ATTACKER), FILE, Aspect::Content);
        assert_eq!(found_in(&told), Some((copy(2), 0o640)));
    }

    #[test]
    fn a_mode_that_somebody_else_set_stays() {
        let mut told = told();
        told.state((10, 0), FILE, held(copy(1), 0o640));
        told.changed((20, OTHER), FILE, Aspect::Metadata);
        told.state((30, ATTACKER), FILE, held(copy(2), 0o600));
        told.changed((40, ATTACKER), FILE, Aspect::Content);
        assert_eq!(found_in(&told), Some((copy(2), 0o600)));
    }

    #[test]
    fn what_has_no_copy_has_no_state() {
        let mut told = told();
        told.state((10, 0), FILE, held(Content::Missing(Missing::Unopened), 0o640));
        told.changed((20, ATTACKER), FILE, Aspect::Content);
        assert_eq!(found_in(&told), None);
    }
}
