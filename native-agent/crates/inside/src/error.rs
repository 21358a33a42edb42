//! Why a program can't be started under protection.
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum InsideError {
    #[error(
        "INSIDE_NO_LISTENER: the kernel gives no seccomp listener ({0}): Linux 5.5 or later is needed, and a container runtime whose own \
         seccomp profile allows seccomp(2)"
    )]
    NoListener(io::Error),
    #[error("INSIDE_NO_COMMAND: {0:?} holds a NUL byte or is empty: name the program after `--`")]
    NoCommand(String),
    #[error("INSIDE_NO_PROCESS: no process can be started ({0})")]
    NoProcess(io::Error),
    #[error(
        "INSIDE_NO_VAULT: pre-images can be kept nowhere ({0}): give --state-dir a directory that can be written"
    )]
    NoVault(io::Error),
}
