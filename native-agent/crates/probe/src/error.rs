//! Why there is no sensor, each with a stable code and what to do.

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error(
        "PROBE_NOT_PERMITTED: loading BPF was refused ({0}): run the agent as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE"
    )]
    NotPermitted(String),
    #[error(
        "PROBE_NO_BTF: /sys/kernel/btf/vmlinux is missing: use a kernel built with CONFIG_DEBUG_INFO_BTF=y (5.8 or newer)"
    )]
    NoBtf,
    #[error(
        "PROBE_NOT_LOADED: the kernel refused the sensor's core programs ({0}): use Linux 5.15 or newer, and report the kernel's version with this message"
    )]
    NotLoaded(String),
    #[error(
        "PROBE_NOT_ATTACHED: {program} could not be attached ({reason}): another security product may hold its hook; see `baldur capabilities`"
    )]
    NotAttached { program: String, reason: String },
    #[error("PROBE_RING: the ring {ring} failed ({reason}): restart the agent")]
    Ring { ring: &'static str, reason: String },
    #[error(
        "PROBE_SNAPSHOT: the processes that run could not be listed ({0}): check that /proc is mounted in the agent's mount namespace"
    )]
    Snapshot(String),
    #[error("PROBE_OPTION: {option} = {value} is refused: {cure}")]
    Option {
        option: &'static str,
        value: String,
        cure: &'static str,
    },
}
