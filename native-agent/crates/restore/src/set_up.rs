//! What a runtime makes in a container's file system before its first program: places to mount on. It is none of an attack's
//! work, though it may be told of as if a process of the container had made it.
use std::collections::HashMap;

use norn_journal::file::PlaceId;
use norn_journal::record::{Content, Missing, PlaceKind};
use norn_os::paths::below;
use norn_watch::watched::Watched;

use crate::plan::{Plan, Want};
use crate::tree::Tree;

/// Files and directories, with all below these. What has content is not the runtime's.
const MADE: [&[u8]; 10] = [
    b".dockerenv",
    b".dockerinit",
    b"dev",
    b"proc",
    b"sys",
    b"etc/hostname",
    b"etc/hosts",
    b"etc/resolv.conf",
    b"etc/mtab",
    b"run/.containerenv",
];

/// Such entries are left as they are, and are no files of the restore.
pub fn leave_out(watched: &Watched, plan: &mut Plan) {
    let mut trees: HashMap<PlaceId, Option<Tree>> = HashMap::new();
    plan.targets.retain(|(place, path), target| {
        let is_named = MADE
            .iter()
            .any(|made| path == made || below(path, made).is_some());
        let is_unseen = target
            .version
            .as_ref()
            .is_some_and(|version| version.content == Content::Missing(Missing::Unwatched));
        if !is_named || target.want != Want::Absent && !is_unseen {
            return true;
        }
        let tree = trees.entry(*place).or_insert_with(|| {
            let kind = watched.store.index().places.get(place).cloned();
            let is_container = matches!(kind, Some(PlaceKind::Overlay { .. }));
            is_container.then(|| Tree::open(watched, *place).ok()).flatten()
        });
        let Some(tree) = tree else {
            return true;
        };
        match tree.lookup(path) {
            Ok(Some(entry)) => {
                let kind = entry.stat.st_mode & libc::S_IFMT;
                kind == libc::S_IFREG && entry.stat.st_size > 0
            }
            _ => true,
        }
    });
}
