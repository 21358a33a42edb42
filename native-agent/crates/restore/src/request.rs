//! What is asked of a restore.
use norn_events::{ContainerId, ProcessUid};

/// Which changes are to be undone. All that is given must hold; `scopes` empty means every process of `container`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreRequest {
    /// Roots of subtrees: these processes and everything they created, running or not.
    pub scopes: Vec<ProcessUid>,
    /// Only changes by processes of this container.
    pub container: Option<ContainerId>,
    /// Only changes at or after this moment, CLOCK_BOOTTIME, ns.
    pub since_ns: Option<u64>,
    /// What the scopes made before this moment stays, CLOCK_BOOTTIME, ns; what they did to that since is undone. Of `Extent::Processes`.
    pub made_since_ns: Option<u64>,
    pub extent: Extent,
    /// The container is stopped: what its layer holds of the image's own files goes, so that the image shows them again.
    pub cold: bool,
    /// A person decided: files in conflict are put back all the same.
    pub over_conflicts: bool,
    /// With `over_conflicts`: only these, as verdicts show them; empty: all.
    pub paths: Vec<String>,
    /// What this restore is called: a later request that has it among its `scopes` undoes it. The vault finds a name when
    /// there is none.
    pub id: Option<ProcessUid>,
}

/// How far a restore goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// What the processes of the request did.
    #[default]
    Processes,
    /// What any process of `container` did since the first change by the scopes (without scopes: since `since_ns`), and what
    /// changed in the container's own file system while nobody watched.
    Container,
}
