//! Which container a cgroup is of, by its name, and when that name is believed: whoever has a group of his own may call another one in
//! it like anybody's container.
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::mounts::cgroup_root;

/// Others than the owner may write.
const WRITABLE: u32 = 0o022;

/// What a cgroup's path says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The innermost that is believed.
    pub container: Option<Arc<str>>,
    /// The innermost that is not, when another group has that name by right.
    pub taken: Option<Arc<str>>,
}

/// The names of containers and who has them.
pub struct Names {
    /// Where the hierarchy is mounted; `None` where it can't be looked into: then names are all there is.
    root: Option<PathBuf>,
    /// By container, the group of it that is in no other container.
    holders: HashMap<Arc<str>, Vec<u8>>,
}

impl Names {
    pub fn new(root: Option<PathBuf>) -> Self {
        Self {
            root,
            holders: HashMap::new(),
        }
    }

    /// A name counts when only root can have given it: root owns all groups above. In a container that has groups of its own its root
    /// does, so there no name of another container counts.
    pub fn read(&mut self, path: &[u8]) -> Name {
        let mut name = Name::default();
        for (id, group) in named(path) {
            let is_nested = named(group).nth(1).is_some();
            let is_anothers = self.is_held_elsewhere(&id, group);
            if is_roots(self.root.as_deref(), group) && !is_anothers {
                if !is_nested {
                    self.holders.insert(Arc::clone(&id), group.to_vec());
                }
                name.container = Some(id);
                break;
            }
            if is_anothers && name.taken.is_none() {
                name.taken = Some(id);
            }
        }
        name
    }

    /// Another group has that name, and is there still.
    fn is_held_elsewhere(&self, id: &Arc<str>, group: &[u8]) -> bool {
        let holder = self.holders.get(id).filter(|holder| *holder != group);
        let root = self.root.as_deref();
        let is_there = |holder: &Vec<u8>| root.is_none_or(|root| at(root, holder).exists());
        holder.is_some_and(is_there)
    }

    /// The group is gone.
    pub fn free(&mut self, path: &[u8]) {
        if let Some((id, group)) = named(path).next()
            && group == path
            && self.holders.get(&id).is_some_and(|holder| holder == group)
        {
            self.holders.remove(&id);
        }
    }
}

/// Where this process sees the hierarchy, as it was when somebody first asked.
pub fn host_root() -> Option<PathBuf> {
    static ROOT: LazyLock<Option<PathBuf>> = LazyLock::new(cgroup_root);
    ROOT.clone()
}

/// The container of a cgroup's path, of nested ones the innermost; only root can have given the group that name.
pub fn container_of_path(path: &[u8]) -> Option<Arc<str>> {
    let root = host_root();
    named(path)
        .find(|(_, group)| is_roots(root.as_deref(), group))
        .map(|(id, _)| id)
}

/// The same for who is in the container, and asks for his own.
pub fn container_in_path(path: &[u8]) -> Option<Arc<str>> {
    named(path).next().map(|(id, _)| id)
}

/// Every group on the way that is called like a container, innermost first, with the path that ends in it.
fn named(path: &[u8]) -> impl Iterator<Item = (Arc<str>, &[u8])> {
    let ends = (0..=path.len())
        .rev()
        .filter(|&at| at == path.len() || path[at] == b'/');
    ends.filter_map(|end| {
        let group = &path[..end];
        let component = group.rsplit(|&byte| byte == b'/').next()?;
        Some((container_of_component(component)?, group))
    })
}

/// Whether root alone may make a group there. What is gone by now is not asked.
fn is_roots(root: Option<&Path>, group: &[u8]) -> bool {
    let Some(root) = root else {
        return true;
    };
    let group = Path::new(OsStr::from_bytes(group));
    let mut above = group
        .ancestors()
        .skip(1)
        .filter(|group| group.has_root() && group.parent().is_some());
    above.all(|group| {
        fs::symlink_metadata(at(root, group.as_os_str().as_bytes()))
            .map_or(true, |found| found.uid() == 0 && found.mode() & WRITABLE == 0)
    })
}

/// Where a group's directory is.
fn at(root: &Path, group: &[u8]) -> PathBuf {
    let group = Path::new(OsStr::from_bytes(group));
    root.join(group.strip_prefix("/").unwrap_or(group))
}

/// Docker, containerd and CRI-O under cgroupfs and systemd, podman, and `norn-<id>` for what is started by runc or crun directly.
fn container_of_component(component: &[u8]) -> Option<Arc<str>> {
    const ID_BYTES: usize = 64;
    const PREFIXES: [&[u8]; 6] = [
        b"docker-",
        b"cri-containerd-",
        b"crio-",
        b"libpod-",
        b"norn-",
        b"",
    ];
    let name = component.strip_suffix(b".scope").unwrap_or(component);
    // crio-conmon-<id> and libpod-conmon-<id> hold the monitor, which runs on the host.
    PREFIXES.iter().find_map(|prefix| {
        let id = name.strip_prefix(*prefix)?;
        let is_id = id.len() == ID_BYTES && id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Arc::from(String::from_utf8_lossy(id).as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c9a2b77e04f1c9a2b77e04f1c9a2b77e04f1c9a2b77e04f1c9a2b77e0abcd";
    const INNER: &str = "00aa9a2b77e04f1c9a2b77e04f1c9a2b77e04f1c9a2b77e04f1c9a2b77e0abcd";

    fn id_in(path: &str) -> Option<String> {
        container_in_path(path.as_bytes()).map(|id| id.to_string())
    }

    #[test]
    fn each_runtime_s_cgroup_gives_its_container_id() {
        for path in [
            format!("/docker/{ID}"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/kubepods/burstable/pod0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f/{ID}"),
            format!("/kubepods.slice/kubepods-burstable.slice/x.slice/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/crio-{ID}.scope/container"),
            format!("/machine.slice/libpod-{ID}.scope/init"),
            format!("/norn-{ID}"),
        ] {
            assert_eq!(id_in(&path).as_deref(), Some(ID), "{path}");
        }
    }

    #[test]
    fn of_nested_containers_the_innermost_counts() {
        assert_eq!(
            id_in(&format!("/docker/{ID}/docker/{INNER}")).as_deref(),
            Some(INNER)
        );
    }

    #[test]
    fn the_host_s_cgroups_are_no_containers() {
        for path in [
            "/",
            "/user.slice/user-0.slice",
            "/docker/buildkit",
            "/machine.slice/libpod-conmon-4f1c.scope",
        ] {
            assert_eq!(id_in(path), None, "{path}");
        }
        assert_eq!(id_in(&format!("/machine.slice/libpod-conmon-{ID}.scope")), None);
        assert_eq!(id_in(&format!("/docker/{}", ID.to_uppercase())), None);
    }

    /// A hierarchy as root and others have made it, in a folder.
    struct Hierarchy {
        folder: tempfile::TempDir,
        names: Names,
    }

    impl Hierarchy {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let names = Names::new(Some(folder.path().to_owned()));
            Self { folder, names }
        }

        /// With all that is above it; those that are made belong to `uid`.
        fn make(&self, path: &str, uid: u32) {
            let below = Path::new(path.trim_start_matches('/'));
            let mut ways: Vec<&Path> = below.ancestors().filter(|way| *way != Path::new("")).collect();
            ways.reverse();
            for way in ways {
                let group = self.folder.path().join(way);
                if fs::create_dir(&group).is_ok() {
                    std::os::unix::fs::chown(&group, Some(uid), Some(uid)).unwrap();
                }
            }
        }

        fn read(&mut self, path: &str) -> (Option<String>, Option<String>) {
            let Name { container, taken } = self.names.read(path.as_bytes());
            let text = |id: Option<Arc<str>>| id.map(|id| id.to_string());
            (text(container), text(taken))
        }
    }

    const DELEGATED: &str = "/user.slice/user-1000.slice/user@1000.service";
    const USER: u32 = 1000;

    /// With a container that runs, and what a user was given.
    fn host() -> Hierarchy {
        let mut host = Hierarchy::new();
        host.make("/user.slice/user-1000.slice", 0);
        host.make(DELEGATED, USER);
        host.make(&format!("/system.slice/docker-{ID}.scope"), 0);
        assert_eq!(
            host.read(&format!("/system.slice/docker-{ID}.scope"))
                .0
                .as_deref(),
            Some(ID)
        );
        host
    }

    #[test]
    fn a_user_takes_no_name_of_a_container_in_what_is_his() {
        let ways = [
            format!("{DELEGATED}/docker-{ID}.scope"),
            format!("{DELEGATED}/{ID}"),
            format!("{DELEGATED}/docker/{ID}"),
            format!("{DELEGATED}/docker/{ID}/init"),
            format!("{DELEGATED}/cri-containerd-{ID}.scope"),
            format!("{DELEGATED}/crio-{ID}.scope/container"),
            format!("{DELEGATED}/libpod-{ID}.scope"),
            format!("{DELEGATED}/norn-{ID}"),
            format!("{DELEGATED}/{ID}.scope"),
            format!("{DELEGATED}/system.slice/docker-{ID}.scope"),
            format!("{DELEGATED}/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
            format!("{DELEGATED}/kubepods/burstable/pod0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f/{ID}"),
            format!("{DELEGATED}/user.slice/user-1000.slice/docker-{ID}.scope/docker-{ID}.scope"),
        ];
        for way in ways {
            let mut host = host();
            host.make(&way, USER);
            assert_eq!(host.read(&way), (None, Some(ID.to_owned())), "{way}");
            // Gone before anybody looked: what is his above it is not.
            fs::remove_dir_all(host.folder.path().join(&way[1..])).unwrap();
            assert_eq!(host.read(&way), (None, Some(ID.to_owned())), "{way}");
        }
    }

    #[test]
    fn a_group_that_others_may_write_to_gives_no_names() {
        use std::os::unix::fs::PermissionsExt;
        for mode in [0o775, 0o757, 0o777] {
            let mut host = host();
            host.make("/shared", 0);
            let shared = host.folder.path().join("shared");
            fs::set_permissions(shared, fs::Permissions::from_mode(mode)).unwrap();
            let way = format!("/shared/docker-{ID}.scope");
            host.make(&way, USER);
            assert_eq!(host.read(&way), (None, Some(ID.to_owned())), "{mode:o}");
        }
    }

    #[test]
    fn who_has_groups_in_a_container_is_in_that_container() {
        for (way, owner) in [
            // Its root is the host's.
            (format!("/docker/{INNER}/docker/{ID}"), 0),
            (format!("/docker/{INNER}/system.slice/docker-{ID}.scope/init"), 0),
            // Its root is a user of the host's.
            (format!("/docker/{INNER}/docker/{ID}"), 100_000),
        ] {
            let mut host = host();
            host.make("/docker", 0);
            host.make(&way, owner);
            assert_eq!(
                host.read(&way),
                (Some(INNER.to_owned()), Some(ID.to_owned())),
                "{way}"
            );
        }
    }

    #[test]
    fn a_user_s_own_container_is_none_and_no_impostor() {
        let mut host = host();
        let way = format!("{DELEGATED}/user.slice/libpod-{INNER}.scope/container");
        host.make(&way, USER);
        assert_eq!(host.read(&way), (None, None));
    }

    #[test]
    fn containers_in_containers_and_those_that_start_again_are_believed() {
        let mut host = host();
        host.make("/docker", 0);
        let nested = format!("/system.slice/docker-{ID}.scope/docker/{INNER}");
        host.make(&nested, 0);
        assert_eq!(host.read(&nested), (Some(INNER.to_owned()), None));
        let first = format!("/docker/{INNER}");
        host.make(&first, 0);
        assert_eq!(host.read(&first), (Some(INNER.to_owned()), None));
        let moved = format!("/system.slice/docker-{INNER}.scope");
        host.make(&moved, 0);
        assert_eq!(
            host.read(&moved),
            (None, Some(INNER.to_owned())),
            "the other is there"
        );
        fs::remove_dir(host.folder.path().join(&first[1..])).unwrap();
        assert_eq!(host.read(&moved), (Some(INNER.to_owned()), None));
        host.names.free(moved.as_bytes());
        host.make(&first, 0);
        assert_eq!(host.read(&first), (Some(INNER.to_owned()), None));
        fs::remove_dir(host.folder.path().join(&first[1..])).unwrap();
        assert_eq!(host.read(&moved), (Some(INNER.to_owned()), None));
        assert_eq!(
            host.read(&format!("{moved}/init")),
            (Some(INNER.to_owned()), None)
        );
    }

    #[test]
    fn a_group_below_the_one_that_is_gone_frees_nothing() {
        let mut host = host();
        host.names
            .free(format!("/system.slice/docker-{ID}.scope/init").as_bytes());
        let way = format!("{DELEGATED}/{ID}");
        host.make(&way, USER);
        assert_eq!(host.read(&way).1.as_deref(), Some(ID));
    }

    #[test]
    fn where_the_hierarchy_can_not_be_seen_names_are_all_there_is() {
        let mut names = Names::new(None);
        let name = names.read(format!("{DELEGATED}/docker-{ID}.scope").as_bytes());
        assert_eq!(name.container.as_deref(), Some(ID));
    }
}
