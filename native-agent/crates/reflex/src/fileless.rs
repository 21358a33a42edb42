//! Programs that start from memory, or from a file that has no name any more. The kernel kills what the exec policy names
//! before its first instruction; this says so, and catches what the policy leaves to user space.
use norn_events::wire::event::v1::ExecFlag;
use norn_events::{Event, ImageFlag, Process, ProcessTable};

use crate::firing::evidence as field;
use crate::{Context, Firing, Rule};
use norn_programs::lineage::{image_name, is_runtime, is_system_image};

/// Ancestors looked at for a container runtime: shim → runc → runc's sealed copy → the stage that starts the container.
const RUNTIME_DEPTH: usize = 3;

#[derive(Debug, Default)]
pub struct Fileless;

impl Fileless {
    pub fn exec(&mut self, event: &Event<'_>, context: &mut Context<'_>) -> Option<Firing> {
        let process = context.processes.get(event.process)?;
        let (memfd, deleted) = (has(process, ImageFlag::Memfd), has(process, ImageFlag::Deleted));
        if event.result != 0 || !(memfd || deleted) || context.guarded.contains(&process.pid) {
            return None;
        }
        // The kernel side knows the runtime's memfd by device and inode; what it says goes before any likeness.
        let verified_copy = event.flags & ExecFlag::RuntimeCopy as u32 != 0;
        let killed = event.flags & ExecFlag::KilledAtExec as u32 != 0;
        if killed {
            return Some(firing(event, process, None));
        }
        if verified_copy
            || is_runtime_copy(process, context)
            || (!memfd && runs_itself_again(process, context.processes))
        {
            return None;
        }
        // On the host, programs protect themselves as runc does: a sealed copy can't be changed under them. A loader has no
        // use for seals, but could set them: so it is told of and not killed. In a container nothing runs sealed copies.
        let sealed = process.container.is_none() && memfd && context.provenance.is_sealed_copy(process);
        Some(firing(
            event,
            process,
            sealed.then_some("a sealed copy on the host may be a program's own protection"),
        ))
    }
}

fn has(process: &Process, flag: ImageFlag) -> bool {
    process.image.flags & flag as u32 != 0
}

/// runc executes a sealed copy of itself, so that a container can't overwrite the host's binary. The name of a memfd is
/// anyone's choice, so a copy counts only when the host's own runtime started it, and its content is the runtime's where
/// both are known.
fn is_runtime_copy(process: &Process, context: &Context<'_>) -> bool {
    if process.user_id != 0 && process.container.is_some() {
        return false;
    }
    let mut current = context.processes.by_uid(process.parent_uid);
    for _ in 0..RUNTIME_DEPTH {
        let Some(parent) = current.and_then(|index| context.processes.get(index)) else {
            return false;
        };
        if is_runtime(parent) {
            return same_content(process, parent) || is_shim(parent);
        }
        if parent.image.flags & ImageFlag::Memfd as u32 == 0 {
            return false;
        }
        current = context.processes.by_uid(parent.parent_uid);
    }
    false
}

/// A shim starts runc, never a program of the user: its child's content need not be its own.
fn is_shim(process: &Process) -> bool {
    let name = image_name(process);
    name.starts_with(b"containerd-shim") || name == b"conmon" || name == b"dockerd" || name == b"podman"
}

/// Unknown counts as same: the hash of a new image is computed a moment later.
fn same_content(one: &Process, other: &Process) -> bool {
    match (one.image.sha256, other.image.sha256) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// `/proc/self/exe` of a program that a package upgrade has replaced meanwhile: same file as the parent's, which had a
/// name when it started.
fn runs_itself_again(process: &Process, processes: &ProcessTable) -> bool {
    processes
        .by_uid(process.parent_uid)
        .and_then(|index| processes.get(index))
        .is_some_and(|parent| {
            parent.image.inode == process.image.inode
                && parent.image.device == process.image.device
                && process.image.inode != 0
                && is_system_image(parent)
        })
}

fn firing(event: &Event<'_>, process: &Process, observe_only: Option<&'static str>) -> Firing {
    let memfd = has(process, ImageFlag::Memfd);
    let path = String::from_utf8_lossy(&process.image.path).into_owned();
    let origin = if memfd {
        "from memory"
    } else {
        "from a deleted file"
    };
    Firing {
        rule: Rule::Fileless,
        process: process.uid,
        scope: process.uid,
        container: process.container.clone(),
        time_ns: event.time_ns,
        first_act_ns: event.time_ns,
        files_changed: 0,
        observe_only: observe_only.map(Into::into),
        killed_at_exec: event.flags & ExecFlag::KilledAtExec as u32 != 0,
        first_evidence: [&process.image_number.to_le_bytes()[..], &process.image.path].concat(),
        evidence: vec![
            field("process.executable", &process.image.path),
            field("process.command_line", &process.image.command_line),
            field("image.origin", if memfd { "memfd" } else { "deleted" }),
            field("image.sealed", observe_only.is_some().to_string()),
            field("user.id", process.user_id.to_string()),
            field(
                "image.killed_at_exec",
                (event.flags & ExecFlag::KilledAtExec as u32 != 0).to_string(),
            ),
        ],
        summary: format!("{path} was started {origin}"),
    }
}

#[cfg(test)]
#[path = "fileless_tests.rs"]
mod tests;
