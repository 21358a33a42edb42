//! What a restore says, against what is there.
use norn_events::wire::action::v1::{FileVerdict, Verdict};
use norn_vault::RestoreReport;

use super::{Manifest, Scene, difference};

/// What a restore says it did not put back, with its reason.
pub fn refused(report: &RestoreReport) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for FileVerdict {
        path,
        reason,
        verdict,
        ..
    } in &report.files
    {
        if [Verdict::Lost as i32, Verdict::Conflict as i32].contains(verdict) {
            found.push((String::from_utf8_lossy(path).into_owned(), reason.as_str()));
        }
    }
    found
}

#[track_caller]
pub fn assert_same(scene: &Scene, before: &Manifest, report: &RestoreReport) {
    assert_none(scene, &difference(before, &scene.manifest()), report);
}

/// What an undo gives back of files that had several names: overlayfs may have parted them, or not.
#[track_caller]
pub fn assert_same_contents(scene: &Scene, before: &Manifest, report: &RestoreReport) {
    let after = scene.manifest();
    let names = |manifest: &Manifest| manifest.keys().cloned().collect::<Vec<_>>();
    let place = scene.place;
    assert_eq!(names(&after), names(before), "{place:?}: {:?}", refused(report));
    for (path, file) in &after {
        let name = String::from_utf8_lossy(path);
        let is_same = file.content == before[path].content;
        assert!(
            is_same,
            "{place:?}: {name} has other content: {:?}",
            refused(report)
        );
    }
}

#[track_caller]
fn assert_none(scene: &Scene, differences: &[String], report: &RestoreReport) {
    let few: Vec<_> = differences.iter().take(5).collect();
    let refused = refused(report);
    let refused: Vec<_> = refused.iter().take(5).collect();
    assert!(
        differences.is_empty(),
        "{:?}: {} differ: {few:#?} {refused:?}",
        scene.place,
        differences.len(),
    );
}

/// The same, but for files whose pre-image a busy machine let come too late: each of these must be said to be lost, and
/// why, and there can be no more of them than opens that were let go. Returns how many.
#[track_caller]
pub fn assert_same_or_late(scene: &Scene, before: &Manifest, report: &RestoreReport) -> usize {
    let late = assert_same_but_late(scene, before, report);
    let timeouts = scene.vault().health().permission_timeouts;
    assert!(late as u64 <= timeouts, "{late} late, {timeouts} let go");
    late
}

/// The same, and as many as `files` were put back, but for those.
#[track_caller]
pub fn assert_restored(scene: &Scene, before: &Manifest, report: &RestoreReport, files: usize) {
    let late = assert_same_or_late(scene, before, report);
    let restored = report.count(Verdict::Restored);
    let (place, refused) = (scene.place, refused(report));
    assert_eq!(restored + late, files, "{place:?}: {refused:?}");
}

#[track_caller]
pub fn assert_same_but_late(scene: &Scene, before: &Manifest, report: &RestoreReport) -> usize {
    let is_late =
        |file: &&FileVerdict| file.verdict == Verdict::Lost as i32 && file.reason.starts_with("deadline");
    let late: Vec<_> = report.files.iter().filter(is_late).collect();
    let mut silent = difference(before, &scene.manifest());
    silent.retain(|line| {
        let name = line.split(": was ").next().unwrap_or(line);
        !late
            .iter()
            .any(|file| String::from_utf8_lossy(&file.path).ends_with(name))
    });
    assert_none(scene, &silent, report);
    late.len()
}
