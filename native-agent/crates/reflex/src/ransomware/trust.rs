//! What is to be said for a program, by where it comes from and what it is for.
use norn_events::{Process, ProcessIndex, ProcessUid};

use super::blame::{self, Actor};
use crate::Context;
use crate::lineage::{does_as_told, is_copier, is_foreign, is_in_system_directory, keeps_content};

/// Dedicated tools only: an interpreter or `mv` does what it is told, whatever package it came in.
pub fn is_proven(index: ProcessIndex, context: &mut Context<'_>) -> bool {
    context
        .processes
        .get(index)
        .is_some_and(|process| !does_as_told(process) && context.provenance.is_package_owned(process))
}

pub fn is_copier_of(index: ProcessIndex, context: &Context<'_>) -> bool {
    context.processes.get(index).is_some_and(is_copier)
}

/// A mirror, or a compressor.
pub fn keeps_content_of(index: ProcessIndex, context: &Context<'_>) -> bool {
    context.processes.get(index).is_some_and(keeps_content)
}

/// Nobody's tool: it lies where everybody may put programs, does nobody's bidding, and came to this host lately.
pub fn is_newcomer(index: ProcessIndex, context: &mut Context<'_>) -> bool {
    context.processes.get(index).is_some_and(|process| {
        !is_in_system_directory(process)
            && !does_as_told(process)
            && (is_foreign(process) || context.provenance.is_new(process))
    })
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
