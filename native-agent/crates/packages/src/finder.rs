//! Answers for whoever has time: on a thread that may read lists when it needs them.
use std::collections::VecDeque;
use std::path::Path;

use crate::host::HostPackages;
use crate::lists::{AsOf, Lists, Recorded, changed, identity, is_left_out, is_own, look_up};

/// Keeps the lists of the last few containers' roots.
#[derive(Debug)]
pub struct Finder {
    host: HostPackages,
    roots: VecDeque<(RootName, Lists)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RootName {
    lists: (u64, u64),
    as_of: Option<AsOf>,
}

impl Finder {
    /// A Debian image's lists take a few hundred KB.
    const ROOTS_MAX: usize = 4;

    pub fn new(host: HostPackages) -> Self {
        Self {
            host,
            roots: VecDeque::new(),
        }
    }

    /// What the packages of `root` say of the file at `path` in it; `None` when no list names it.
    pub fn find(&mut self, root: &Path, path: &[u8]) -> Option<Recorded> {
        if let Some(known) = self.host.of(root, path) {
            return known;
        }
        if is_own(root) {
            return look_up(root, path).ok()?;
        }
        self.lists_of(root)?.of(path)
    }

    /// As `find`, also of files that are no programs: what is kept in memory leaves them out.
    pub fn find_any(&mut self, root: &Path, path: &[u8]) -> Option<Recorded> {
        if is_left_out(path) {
            return look_up(root, path).ok()?;
        }
        self.find(root, path)
    }

    fn lists_of(&mut self, root: &Path) -> Option<&Lists> {
        let name = RootName {
            lists: identity(root)?,
            as_of: changed(root),
        };
        let position = self.roots.iter().position(|(known, _)| *known == name);
        let entry = match position.and_then(|position| self.roots.remove(position)) {
            Some(entry) => entry,
            None => (name, Lists::read(root)),
        };
        self.roots.truncate(Self::ROOTS_MAX - 1);
        self.roots.push_front(entry);
        self.roots.front().map(|(_, lists)| lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::root_with_gzip;

    fn name_in(finder: &mut Finder, root: &Path) -> Option<String> {
        let recorded = finder.find(root, b"/usr/bin/gzip")?;
        Some(recorded.package.name.clone())
    }

    #[test]
    fn a_containers_packages_are_those_of_its_own_root_and_follow_it() {
        let mut finder = Finder::new(HostPackages::default());
        let root = root_with_gzip("followed");
        assert_eq!(name_in(&mut finder, &root.0), Some("gzip".to_owned()));
        std::fs::remove_file(root.0.join("var/lib/dpkg/info/gzip.md5sums")).unwrap();
        assert_eq!(name_in(&mut finder, &root.0), None);
    }

    #[test]
    fn the_lists_of_a_few_roots_are_kept() {
        let mut finder = Finder::new(HostPackages::default());
        let roots: Vec<_> = (0..Finder::ROOTS_MAX + 2)
            .map(|number| root_with_gzip(&format!("kept-{number}")))
            .collect();
        for root in &roots {
            assert_eq!(name_in(&mut finder, &root.0), Some("gzip".to_owned()));
        }
        assert_eq!(finder.roots.len(), Finder::ROOTS_MAX);
    }

    #[test]
    fn a_root_without_a_database_has_no_packages() {
        let mut finder = Finder::new(HostPackages::default());
        assert_eq!(name_in(&mut finder, Path::new("/proc")), None);
    }
}
