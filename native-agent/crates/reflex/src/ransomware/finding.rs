//! What a finding of this reflex shows: each piece of evidence with its value.
use norn_events::wire::finding::v1::Evidence;
use norn_events::{ContentShape, Process, ProcessUid};

use super::blame::{Actor, process_of, threshold};
use super::evidence::Harm;
use super::score::{Exhibit, Score};
use crate::firing::evidence as field;
use crate::{Context, Firing, Rule};
use norn_programs::lineage::image_name;

/// Named in a finding.
const ANCESTORS_SHOWN: usize = 8;

pub fn exhibit(path: &[u8], harm: Harm, (before, after): (&ContentShape, Option<&ContentShape>)) -> Exhibit {
    let figures = |shape: &ContentShape| {
        format!(
            "{:?} of {} bytes, {:.1} bits a byte",
            shape.format, shape.size, shape.entropy
        )
    };
    let after = after.map_or("nothing".to_owned(), figures);
    Exhibit {
        path: path.to_vec(),
        what: format!("{}: {} became {after}", harm.kind(), figures(before)),
    }
}

pub fn firing(actor: &Actor, scope: ProcessUid, score: &Score, when: (u64, &Context<'_>)) -> Option<Firing> {
    let (now_ns, context) = when;
    let blamed = context.processes.get(context.processes.by_uid(scope)?)?;
    let name = String::from_utf8_lossy(image_name(blamed)).into_owned();
    let word = if score.canaries * 2 > score.files {
        Harm::Canary.word()
    } else if score.wiped * 2 > score.files {
        Harm::Wiped.word()
    } else {
        Harm::Encrypted.word()
    };
    let elapsed_ms = now_ns.saturating_sub(score.first_ns) / 1_000_000;
    let files = score.files;
    let noun = match (score.canaries == files, files) {
        (true, 1) => "canary",
        (true, _) => "canaries",
        (false, 1) => "file",
        (false, _) => "files",
    };
    Some(Firing {
        rule: Rule::Ransomware,
        process: actor.uid,
        scope,
        container: blamed.container.clone(),
        time_ns: now_ns,
        first_act_ns: score.first_act_ns,
        files_changed: files,
        killed_at_exec: false,
        observe_only: None,
        first_evidence: score.first_path.clone(),
        evidence: shown(blamed, score, (threshold(scope, actor, context), when)),
        summary: format!("{name} {word} {files} {noun} in {elapsed_ms} ms"),
    })
}

/// What the finding shows, each with its value.
fn shown(
    blamed: &Process,
    score: &Score,
    (threshold, (now_ns, context)): (f32, (u64, &Context<'_>)),
) -> Vec<Evidence> {
    let (directories, kinds) = score.spread();
    let elapsed_ms = now_ns.saturating_sub(score.first_ns) / 1_000_000;
    let mut shown = vec![
        field("process.executable", &blamed.image.path),
        field("process.command_line", &blamed.image.command_line),
        field("process.started_by", started_by(blamed, context)),
        field("files.harmed", score.files.to_string()),
        field("files.first", &score.first_path),
        field("files.directories", directories.to_string()),
        field("files.kinds", kinds.to_string()),
        field("score", format!("{:.1} of {threshold:.1}", score.total(now_ns))),
        field("score.names", format!("{:.1}", score.corroboration(now_ns))),
        field("duration_ms", elapsed_ms.to_string()),
    ];
    shown.extend(score.exhibits.iter().map(|exhibit| {
        let path = String::from_utf8_lossy(&exhibit.path);
        field("file", format!("{path}: {}", exhibit.what))
    }));
    shown
}

/// Images of the ancestors, nearest first.
fn started_by(process: &Process, context: &Context<'_>) -> Vec<u8> {
    let parent = |process: &&Process| process_of(process.parent_uid, context);
    std::iter::successors(parent(&process), parent)
        .take(ANCESTORS_SHOWN)
        .map(|ancestor| ancestor.image.path.as_slice())
        .collect::<Vec<_>>()
        .join(&b" < "[..])
}
