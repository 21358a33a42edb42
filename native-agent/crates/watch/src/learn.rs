//! Directories of the host that containers have mounted, volumes among them: watched without anybody asking for it. They are
//! found in the mount tables of processes that do not see the host's; what is left out is said, with the reason.
use std::collections::HashMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use norn_events::ContainerId;
use norn_events::wire::event::v1::Capability;
use norn_journal::file::PlaceId;
use norn_os as os;
use norn_os::mounts::mounts;
use xxhash_rust::xxh3::xxh3_64;

use crate::learned::{Namespace, RefusedMount, Source, Table};
use crate::protect::{Found, is_gone};
use crate::table::{Reading, is_host_root};
use crate::watched::Watched;

/// Those that a container has mounted, that are there, and that had their marks when they were last looked at.
pub fn mounts_watched(watched: &Watched) -> u64 {
    let is_there = |&id: &PlaceId| !is_gone(watched, id) && !watched.figures.is_unwatched(id);
    watched.learned.in_use().iter().filter(|id| is_there(id)).count() as u64
}

/// All places whose files are kept now, whoever asked for them: directories, single files, containers' own file systems.
pub fn places_watched(watched: &Watched) -> u64 {
    let is_there = |id: PlaceId| !is_gone(watched, id) && !watched.figures.is_unwatched(id);
    let roots = watched.places.roots();
    let overlays = watched.places.overlays();
    let roots = roots.iter().filter(|root| is_there(root.id)).count();
    let overlays = overlays.iter().filter(|overlay| is_there(overlay.id)).count();
    (roots + overlays) as u64
}

/// Those that were to be, and are not.
pub fn unwatched_places(watched: &Watched) -> Vec<RefusedMount> {
    let lost = |path: Vec<u8>| RefusedMount {
        path,
        reason: "the kernel has no mark of it, and takes none",
    };
    let is_lost = |id: PlaceId| watched.figures.is_unwatched(id) && !is_gone(watched, id);
    let roots = watched.places.roots();
    let overlays = watched.places.overlays();
    let lost_roots = roots.iter().filter(|root| is_lost(root.id));
    let lost_overlays = overlays.iter().filter(|overlay| is_lost(overlay.id));
    let mut places = watched.learned.refused();
    places.extend(lost_roots.map(|root| lost(root.name())));
    places.extend(lost_overlays.map(|overlay| lost(overlay.mount.upper.clone())));
    places
}

/// Directories named in a capability's detail; the rest are counted.
const NAMED_MAX: usize = 8;

/// Which directories that containers have mounted are protected, and which are not.
pub fn capability(watched: &Watched) -> Capability {
    let refused = watched.learned.refused();
    let named = refused.iter().take(NAMED_MAX).map(|mount| {
        let path = String::from_utf8_lossy(&mount.path);
        format!("{path} ({})", mount.reason)
    });
    let named: Vec<String> = named.collect();
    let mut detail = format!("{} mounted directories are protected", mounts_watched(watched));
    if !named.is_empty() {
        let count = watched.learned.refused_count();
        detail.push_str(&format!("; {count} are not: {}", named.join(", ")));
    }
    Capability {
        name: "file.preimage.mount".to_owned(),
        available: true,
        mechanism: "fanotify".to_owned(),
        detail,
        verified: false,
    }
}

/// Looks at every process on the host for mount tables that were not read yet, or have changed.
pub fn all(watched: &Watched) -> Vec<Found> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut living: HashMap<Namespace, u32> = HashMap::new();
    let named = names.filter_map(|pid| Some((namespace(watched, pid)?, pid)));
    for (namespace, pid) in named {
        living.entry(namespace).or_insert(pid);
    }
    {
        let mut state = watched.learned.state();
        state.tables.retain(|known, _| living.contains_key(known));
        state.refused.retain(|_, (_, source)| match source {
            Source::Asked => true,
            Source::Mounted(known) => living.contains_key(known),
        });
    }
    // Where the kernel tells of each change, a table that was read needs no other look.
    let is_told = |known: &Namespace| {
        let state = watched.learned.state();
        state.tables.get(known).is_some_and(|table| table.is_told)
    };
    living.retain(|known, _| !is_told(known));
    some(watched, living.into_values().map(|pid| (pid, None)))
}

/// Reads the tables again that were read before.
pub fn known(watched: &Watched) -> Vec<Found> {
    let pids: Vec<u32> = {
        let mut state = watched.learned.state();
        // Who has ended is asked by nobody: another process that has the table is looked for.
        let is_there = |known: &Namespace, pid: u32| namespace(watched, pid) == Some(*known);
        for (known, table) in &mut state.tables {
            table.is_told &= is_there(known, table.pid);
        }
        let told = state.tables.values().filter(|table| table.is_told);
        told.map(|table| table.pid).collect()
    };
    let mut found = some(watched, pids.into_iter().map(|pid| (pid, None)));
    if watched
        .learned
        .state()
        .tables
        .values()
        .any(|table| !table.is_told)
    {
        found.extend(all(watched));
    }
    found
}

/// What has been read counts as unread: a mount that was refused may be fit to be protected now.
pub fn forget_tables(watched: &Watched) {
    for table in watched.learned.state().tables.values_mut() {
        (table.hash, table.is_told) = (0, false);
    }
}

pub fn some(
    watched: &Watched,
    processes: impl IntoIterator<Item = (u32, Option<ContainerId>)>,
) -> Vec<Found> {
    let processes = processes.into_iter();
    processes
        .flat_map(|(pid, container)| one(watched, pid, container))
        .collect()
}

/// `None` for one that sees what the agent sees.
pub fn namespace(watched: &Watched, pid: u32) -> Option<Namespace> {
    let name = format!("/proc/{pid}/ns/mnt");
    let number = fs::metadata(&name).ok()?.ino();
    if number == watched.learned.own {
        return None;
    }
    let root = os::stat_at(libc::AT_FDCWD, format!("/proc/{pid}/root/.").as_bytes()).ok()?;
    let file = fs::File::open(&name).ok()?;
    Some(Namespace {
        // The kernel gives the inode's number to another as soon as it is free.
        id: os::mount_namespace_id(file.as_raw_fd()).unwrap_or(number),
        root: (root.st_dev, root.st_ino),
    })
}

fn one(watched: &Watched, pid: u32, container: Option<ContainerId>) -> Vec<Found> {
    let Some(theirs) = namespace(watched, pid) else {
        return Vec::new();
    };
    let is_told = watched.signals.watch_namespace(pid);
    let read = |pid: &str| fs::read(format!("/proc/{pid}/mountinfo"));
    let (Ok(text), Ok(host)) = (read(&pid.to_string()), read("self")) else {
        return Vec::new();
    };
    let hash = xxh3_64(&text);
    let container = {
        let mut state = watched.learned.state();
        match state.tables.get_mut(&theirs) {
            Some(table) if table.hash == hash => {
                (table.pid, table.is_told) = (pid, is_told);
                // It may have been read before anybody said whose it is.
                table.container = container.or_else(|| table.container.take());
                return Vec::new();
            }
            known => container.or_else(|| known.and_then(|known| known.container.clone())),
        }
    };
    if let Some(container) = &container {
        watched.find_home(pid, container);
    }
    watched.learned.doubt_refusals(Source::Mounted(theirs));
    let reading = Reading {
        watched,
        pid,
        theirs,
        host: mounts(&host),
        sees_host: is_host_root(theirs.root),
    };
    let (found, places) = reading.all(&mounts(&text));
    watched.learned.drop_doubted(Source::Mounted(theirs));
    // It ended meanwhile: another of the same container is asked.
    let hash = if namespace(watched, pid) == Some(theirs) {
        hash
    } else {
        0
    };
    let table = Table {
        hash,
        pid,
        container,
        places,
        is_told: is_told && hash != 0,
    };
    watched.learned.state().tables.insert(theirs, table);
    found
}
