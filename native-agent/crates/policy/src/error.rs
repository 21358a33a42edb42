use thiserror::Error;

/// Why a policy is not taken; the one before stays in effect.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PolicyError {
    #[error("policy_malformed: {what}: compile the policy again with this release of Norn")]
    Malformed { what: String },
}

impl PolicyError {
    pub fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed { what: what.into() }
    }

    /// As `HostPolicyStatus.code` has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "policy_malformed",
        }
    }
}

/// Why a part of the host's enforcement can't be had.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EnforceError {
    #[error(
        "fanotify_refused: {0}: the agent needs CAP_SYS_ADMIN and a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS"
    )]
    Fanotify(String),
    #[error(
        "cgroup_v2_missing: no cgroup v2 hierarchy is mounted: mount one, or boot with systemd.unified_cgroup_hierarchy=1"
    )]
    NoCgroup,
    #[error(
        "bpf_refused: {0}: the agent needs CAP_BPF, CAP_NET_ADMIN and a kernel with CONFIG_CGROUP_BPF and BTF"
    )]
    Bpf(String),
    #[error("thread_refused: {0}: is the limit of threads reached?")]
    Thread(String),
}
