//! Why a process is not hooked, and why an injection failed. Each has a stable code and says what to do.
use std::io;

/// A process that cannot be hooked: a blind spot of this mechanism.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Blind {
    #[error("process {pid} is gone or belongs to the kernel")]
    Gone { pid: i32 },
    #[error("process {pid} may not be looked into: run as root, as its user, or with CAP_SYS_PTRACE")]
    NotAllowed { pid: i32 },
    #[error("process {pid} is statically linked: watch it by the kernel's events")]
    Static { pid: i32 },
    #[error(
        "process {pid} is a Go program, which makes its system calls itself: watch it by the kernel's events"
    )]
    Go { pid: i32 },
    #[error("process {pid} has gained rights at its start (secure-exec); such programs are never hooked")]
    SecureExec { pid: i32 },
    #[error("process {pid} has no glibc or musl that is known: watch it by the kernel's events")]
    NoLibc { pid: i32 },
    #[error("process {pid} is not an x86-64 program: only those are hooked yet")]
    Machine { pid: i32 },
    #[error("process {pid} is confined by a seccomp filter that does not allow what an injection needs")]
    Seccomp { pid: i32 },
    #[error(
        "process {pid} keeps a shadow stack, which does not allow what gives a thread back should the agent be killed"
    )]
    ShadowStack { pid: i32 },
    #[error("process {pid} is traced by process {tracer}: end the debugger first")]
    Traced { pid: i32, tracer: i32 },
    #[error("process {pid} is stopped: try again when it runs")]
    Stopped { pid: i32 },
    #[error("process {pid} had several threads when the library was preloaded: inject it instead")]
    Threads { pid: i32 },
    #[error("process {pid} has the library already")]
    AlreadyHooked { pid: i32 },
    #[error("process {pid} has no free address near its libc")]
    NoRoom { pid: i32 },
}

impl Blind {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "HOOK_GONE",
            Self::NotAllowed { .. } => "HOOK_NOT_ALLOWED",
            Self::Static { .. } => "HOOK_STATIC",
            Self::Go { .. } => "HOOK_GO",
            Self::SecureExec { .. } => "HOOK_SECURE_EXEC",
            Self::NoLibc { .. } => "HOOK_NO_LIBC",
            Self::Machine { .. } => "HOOK_MACHINE",
            Self::Seccomp { .. } => "HOOK_SECCOMP",
            Self::ShadowStack { .. } => "HOOK_SHADOW_STACK",
            Self::Traced { .. } => "HOOK_TRACED",
            Self::Stopped { .. } => "HOOK_STOPPED",
            Self::Threads { .. } => "HOOK_THREADS",
            Self::AlreadyHooked { .. } => "HOOK_ALREADY",
            Self::NoRoom { .. } => "HOOK_NO_ROOM",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    #[error(transparent)]
    Blind(#[from] Blind),
    #[error("{doing} of process {pid}: {source}")]
    System {
        pid: i32,
        doing: &'static str,
        source: io::Error,
    },
    #[error("thread {tid} of process {pid} did not stop within {waited_ms} ms: try again")]
    Busy { pid: i32, tid: i32, waited_ms: u64 },
    #[error(
        "the code of process {pid} at {address:#x} is not what its file says: somebody else has changed it; it is left alone"
    )]
    Changed { pid: i32, address: u64 },
    #[error("the hook library's file is not what the injector expects: build both from one source ({what})")]
    Library { what: &'static str },
    #[error("process {pid} started no other program within {waited_ms} ms")]
    NoExec { pid: i32, waited_ms: u64 },
    #[error("stopped on purpose after {step}")]
    Rehearsed { step: String },
}

impl InjectError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Blind(blind) => blind.code(),
            Self::System { .. } => "INJECT_SYSTEM",
            Self::Busy { .. } => "INJECT_BUSY",
            Self::Changed { .. } => "INJECT_CHANGED",
            Self::Library { .. } => "INJECT_LIBRARY",
            Self::NoExec { .. } => "HOOK_NO_EXEC",
            Self::Rehearsed { .. } => "INJECT_REHEARSED",
        }
    }
}
