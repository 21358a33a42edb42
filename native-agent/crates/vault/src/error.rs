//! What can keep the vault from opening: each a sentence with its cure.
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "the vault's directory {path} can't be used: {source}; give a directory that root can write, on a local file system"
    )]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "fanotify refuses a group for permission events: {0}; run as root (CAP_SYS_ADMIN) on a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS"
    )]
    Permission(io::Error),
    #[error(
        "the protected directory {path} can't be watched: {source}; it must exist, or be left out of the list"
    )]
    Protected { path: PathBuf, source: io::Error },
    #[error("{path} is held by another vault; stop the other agent or use another state directory")]
    Held { path: PathBuf },
    #[error("a thread of the vault can't be started: {0}; raise the limit of processes")]
    Thread(io::Error),
}
