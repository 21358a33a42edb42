//! What processes call a file, kept in little room: most names are the path in its place behind a prefix that thousands share.
use std::collections::HashSet;
use std::sync::Arc;

/// More prefixes than this are not shared.
const PREFIXES_MAX: usize = 4096;

#[derive(Debug, Default, Clone)]
pub struct Seen {
    text: Option<Arc<[u8]>>,
    /// `text` is all of it, not what stands before the path.
    whole: bool,
}

impl Seen {
    pub fn whole(name: &[u8]) -> Self {
        Self {
            text: (!name.is_empty()).then(|| name.into()),
            whole: true,
        }
    }

    /// The name of the file that has this path in its place.
    pub fn name(&self, path: &[u8]) -> Vec<u8> {
        match &self.text {
            None => Vec::new(),
            Some(text) if self.whole => text.to_vec(),
            Some(prefix) => [prefix, path].concat(),
        }
    }
}

#[derive(Debug, Default)]
pub struct Prefixes(HashSet<Arc<[u8]>>);

impl Prefixes {
    pub fn seen(&mut self, name: &[u8], path: &[u8]) -> Seen {
        let Some(prefix) = name.strip_suffix(path) else {
            return Seen::whole(name);
        };
        let text = match self.0.get(prefix) {
            Some(known) => known.clone(),
            None => Arc::from(prefix),
        };
        if self.0.len() < PREFIXES_MAX {
            self.0.insert(text.clone());
        }
        Seen {
            text: Some(text),
            whole: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_whether_it_ends_as_the_path_or_not() {
        let mut prefixes = Prefixes::default();
        for name in [&b"/srv/data/a/b"[..], b"/mnt/b", b"a/b"] {
            assert_eq!(prefixes.seen(name, b"a/b").name(b"a/b"), name);
        }
        assert_eq!(Seen::default().name(b"a/b"), b"");
    }
}
