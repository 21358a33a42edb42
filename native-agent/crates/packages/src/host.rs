//! The host's own lists, kept in memory: reading them when a reflex asks would hold up a stop by as long as an encryptor needs
//! for a hundred files.
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::lists::{Lists, Recorded, changed, is_own};

/// Read by a thread of its own, at the start and whenever packages have come or gone.
#[derive(Debug, Clone, Default)]
pub struct HostPackages(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_reading: bool,
    lists: Lists,
}

impl HostPackages {
    /// The one of this process: whoever asks after the host's packages has the same memory.
    pub fn shared() -> Self {
        static SHARED: OnceLock<HostPackages> = OnceLock::new();
        SHARED.get_or_init(Self::default).clone()
    }

    pub fn read_beside(&self) {
        if std::mem::replace(&mut self.lock().is_reading, true) {
            return;
        }
        let own = self.clone();
        let started = thread::Builder::new()
            .name("packages".to_owned())
            .spawn(move || own.read(Path::new("/")));
        if let Err(error) = started {
            self.lock().is_reading = false;
            tracing::warn!(%error, "the packages' lists can't be read beside");
        }
    }

    fn read(&self, root: &Path) {
        let lists = Lists::read(root);
        *self.lock() = State {
            is_reading: false,
            lists,
        };
    }

    /// `None`: not known without the lists themselves. `Some(None)`: no package owns it.
    pub fn of(&self, root: &Path, path: &[u8]) -> Option<Option<Recorded>> {
        if !is_own(root) {
            return None;
        }
        if changed(root) != self.lock().lists.as_of {
            self.read_beside();
            return None;
        }
        let known = self.lock();
        let found = known.lists.of(path);
        (found.is_some() || known.lists.is_complete).then_some(found)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look_up;

    #[test]
    fn the_hosts_lists_are_known_once_they_are_read_and_those_of_others_are_not() {
        let host = HostPackages::default();
        let root = Path::new("/");
        host.0.lock().unwrap().is_reading = true;
        if changed(root).is_none() {
            // No host of dpkg's.
            return;
        }
        assert_eq!(host.of(root, b"/usr/bin/env"), None, "not read yet");
        host.read(root);
        assert_eq!(
            host.of(root, b"/usr/bin/env"),
            Some(look_up(root, b"/usr/bin/env").unwrap())
        );
        assert_eq!(host.of(root, b"/usr/local/bin/norn-nobody"), Some(None));
        assert_eq!(host.of(Path::new("/proc"), b"/usr/bin/env"), None, "another root");
    }
}
