//! What is to be said for a program, by where it comes from and what it is for.
use norn_events::{Process, ProcessIndex, ProcessUid};

use super::blame::{self, Actor};
use crate::Context;
use norn_programs::lineage::{CHAIN_MAX, does_as_told, image_name, is_copier, is_shell, keeps_content};

/// Dedicated tools only: an interpreter or `mv` does what it is told, whatever package it came in.
pub fn is_proven(index: ProcessIndex, context: &mut Context<'_>) -> bool {
    context
        .processes
        .get(index)
        .is_some_and(|process| !does_as_told(process) && context.provenance.is_package_owned(process))
}

/// git puts what a smaller file only stands for in its place (git-lfs), bytes.
const POINTER_BYTES_MAX: u64 = 256;

/// Whoever puts a file in the place of another, of `gone_bytes`, did not write it. Not git where it follows a pointer, or a cipher.
pub fn places_others_content(index: ProcessIndex, gone_bytes: u64, context: &mut Context<'_>) -> bool {
    let Some(process) = context.processes.get(index).filter(|process| is_copier(process)) else {
        return false;
    };
    image_name(process) != b"git" || (gone_bytes > POINTER_BYTES_MAX && !is_told_by_cipher(index, context))
}

/// Its files are to be shown as they are kept: `git-crypt lock`, by the tool of that name of an unchanged package.
fn is_told_by_cipher(git: ProcessIndex, context: &mut Context<'_>) -> bool {
    let processes = context.processes;
    let named = |index: &ProcessIndex| processes.get(*index).map(image_name);
    let mut above = std::iter::successors(Some(git), |&index| processes.parent(index)).take(CHAIN_MAX);
    let teller = above.find(|index| named(index) != Some(b"git"));
    teller.is_some_and(|index| named(&index) == Some(b"git-crypt") && is_proven(index, context))
}

/// A mirror, or a compressor.
pub fn keeps_content_of(index: ProcessIndex, context: &Context<'_>) -> bool {
    context.processes.get(index).is_some_and(keeps_content)
}

/// Where in the actor's chain whoever has it delete is: above all that do as they are told. A shell in between is a session, or a job.
pub fn teller_of(actor: &Actor, context: &Context<'_>) -> Option<(usize, ProcessIndex)> {
    let mut above = actor.chain.iter().enumerate();
    let (at, &uid) = above.find(|(_, uid)| {
        !blame::process_of(**uid, context).is_some_and(|process| does_as_told(process) && !is_shell(process))
    })?;
    Some((at, context.processes.by_uid(uid)?)).filter(|(at, _)| *at > 0)
}

/// In a container, in no package, does nobody's bidding, and what runs in the container did not start it.
pub fn is_stranger(actor: &Actor, index: ProcessIndex, context: &mut Context<'_>) -> bool {
    // Inside a container the agent stands in for its first process.
    let guarded = context.guarded;
    let is_init = |&uid: &ProcessUid| {
        blame::process_of(uid, context)
            .is_some_and(|it| it.namespace_pid == 1 || guarded.contains(&it.parent_pid))
    };
    if actor.chain.iter().any(is_init) {
        return false;
    }
    let Some(process) = context.processes.get(index) else {
        return false;
    };
    if process.container.is_none() || does_as_told(process) {
        return false;
    }
    let processes = context.processes;
    let beside = || {
        let mut others = processes.iter().map(|(_, other)| other);
        let lives = |other: &&Process| other.container == process.container && other.end_time_ns.is_none();
        others.find(lives).map(|other| other.pid)
    };
    context.provenance.is_unpackaged(process, &beside)
}
