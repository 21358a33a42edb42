//! Takes a container off the network, or the whole pod that it is in, by a program on their own cgroup. The node and its other
//! pods are never touched, also where the pod shares the host's network. The kernel keeps it without the agent, as long as the
//! cgroup is there.
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use libbpf_rs::{ObjectBuilder, Program};
use norn_os::mounts::cgroup_root;
use thiserror::Error;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/isolation.bpf.o"));
const DIRECTIONS: [u32; 2] = [
    libbpf_sys::BPF_CGROUP_INET_INGRESS,
    libbpf_sys::BPF_CGROUP_INET_EGRESS,
];

/// Who is off the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolated {
    /// Below the root of the v2 hierarchy.
    pub cgroup: PathBuf,
    /// The kernel's number of the program.
    pub program: u32,
}

#[derive(Debug, Error)]
pub enum IsolationError {
    #[error(
        "cgroup_v2_missing: no cgroup v2 hierarchy is mounted: mount one, or boot with systemd.unified_cgroup_hierarchy=1"
    )]
    NoCgroup,
    /// Another cgroup than the container's could be the host's.
    #[error("container_gone: process {pid} is not in a cgroup of container {container}: it has ended")]
    NotItsOwn { pid: u32, container: String },
    #[error("isolated_full: {0} containers and pods are off the network: let one back first")]
    Full(usize),
    #[error("frames_stay_held: {0}: it is still off the network; try again")]
    Frames(String),
    #[error("bpf_refused: {0}: the agent needs CAP_BPF, CAP_NET_ADMIN and a kernel with CONFIG_CGROUP_BPF")]
    Bpf(String),
}

impl IsolationError {
    /// Stable, as outcomes have it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCgroup => "cgroup_v2_missing",
            Self::NotItsOwn { .. } => "container_gone",
            Self::Full(_) => "isolated_full",
            Self::Frames(_) => "frames_stay_held",
            Self::Bpf(_) => "bpf_refused",
        }
    }
}

/// The cgroup of the pod that a container's process is in; the container's own outside of pods.
///
/// # Errors
/// When the process is not in a cgroup that is called as the container.
pub fn cgroup_of(container: &str, pid: u32) -> Result<PathBuf, IsolationError> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
    path.and_then(|path| whose(Path::new(path), container))
        .ok_or_else(|| IsolationError::NotItsOwn {
            pid,
            container: container.to_owned(),
        })
}

/// Drops every packet of the cgroup that `cgroup_of` found with the process. Its own loopback stays.
///
/// # Errors
/// When there is no v2 hierarchy, or the kernel takes no such program.
pub fn isolate(cgroup: &Path, pid: u32) -> Result<Isolated, IsolationError> {
    let directory = open(cgroup)?.ok_or_else(|| refused("the cgroup is gone"))?;
    let object = ObjectBuilder::default()
        .open_memory(OBJECT)
        .and_then(libbpf_rs::OpenObject::load)
        .map_err(refused)?;
    let wanted = match shares_network(pid) {
        true => "isolation__from_all",
        false => "isolation__from_others",
    };
    let program = object.progs().find(|program| program.name() == wanted);
    let program = program.ok_or_else(|| refused("the object lacks its program"))?;
    let number = Program::id_from_fd(program.as_fd()).map_err(refused)?;
    for direction in DIRECTIONS {
        attach(program.as_fd(), directory.as_fd(), direction).map_err(refused)?;
    }
    Ok(Isolated {
        cgroup: cgroup.to_owned(),
        program: number,
    })
}

/// Whether the cgroup is still there: with it the isolation has gone.
pub fn stands(isolated: &Path) -> bool {
    cgroup_root().is_some_and(|root| root.join(isolated).is_dir())
}

/// Lets it back. A cgroup that is gone has nobody to let back.
///
/// # Errors
/// When the kernel does not take the program away.
pub fn rejoin(isolated: &Isolated) -> Result<(), IsolationError> {
    let Some(directory) = open(&isolated.cgroup)? else {
        return Ok(());
    };
    let program: OwnedFd = Program::fd_from_id(isolated.program).map_err(refused)?;
    for direction in DIRECTIONS {
        detach(program.as_fd(), directory.as_fd(), direction).map_err(refused)?;
    }
    Ok(())
}

fn refused(error: impl std::fmt::Display) -> IsolationError {
    IsolationError::Bpf(error.to_string())
}

fn open(cgroup: &Path) -> Result<Option<File>, IsolationError> {
    let root = cgroup_root().ok_or(IsolationError::NoCgroup)?;
    match File::open(root.join(cgroup)) {
        Ok(directory) => Ok(Some(directory)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

fn attach(program: BorrowedFd<'_>, cgroup: BorrowedFd<'_>, direction: u32) -> io::Result<()> {
    // SAFETY: both descriptors are open for as long as the call.
    let code = unsafe {
        libbpf_sys::bpf_prog_attach(
            program.as_raw_fd(),
            cgroup.as_raw_fd(),
            direction,
            libbpf_sys::BPF_F_ALLOW_MULTI,
        )
    };
    done(code)
}

fn detach(program: BorrowedFd<'_>, cgroup: BorrowedFd<'_>, direction: u32) -> io::Result<()> {
    // SAFETY: as above.
    done(unsafe { libbpf_sys::bpf_prog_detach2(program.as_raw_fd(), cgroup.as_raw_fd(), direction) })
}

/// libbpf's calls say why as a negative number.
fn done(code: i32) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}

/// The nearest directory that is called as the container, or its pod's when that is what stands above.
fn whose(path: &Path, container: &str) -> Option<PathBuf> {
    if container.is_empty() {
        return None;
    }
    let named = |at: &&Path| name_of(at).contains(container);
    let own = path.ancestors().find(named)?;
    let pod = own.parent().filter(|above| is_pod(above));
    Some(pod.unwrap_or(own).to_owned())
}

/// "pod<uid>" (cgroupfs), "kubepods-besteffort-pod<uid>.slice" (systemd), below the kubelet's own.
fn is_pod(path: &Path) -> bool {
    let name = name_of(path);
    let is_named = name.starts_with("pod") || (name.contains("-pod") && name.ends_with(".slice"));
    is_named
        && path
            .ancestors()
            .any(|above| name_of(above).starts_with("kubepods"))
}

fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// With process 1, or with the agent, which is in the host's where it is in a pod.
fn shares_network(pid: u32) -> bool {
    let namespace = |whose: &str| fs::read_link(format!("/proc/{whose}/ns/net")).ok();
    let own = namespace(&pid.to_string());
    own.is_none() || own == namespace("1") || own == namespace("self")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4d1fc30e9b7a4d1fc30e9b7a4d1fc30e9b7a4d1fc30e9b7a4d1fc30e9b7a4d1f";
    const POD: &str = "9f6f2c1e-8f3b-4c57-9a0e-2f1d3c4b5a69";

    fn found(path: &str) -> Option<String> {
        let path = path.replace("ID", ID).replace("POD", POD);
        whose(Path::new(&path), ID).map(|at| at.to_string_lossy().replace(ID, "ID").replace(POD, "POD"))
    }

    #[test]
    fn the_pod_is_what_stands_above_its_container_with_each_runtime() {
        for (path, pod) in [
            ("kubepods/burstable/podPOD/ID", "kubepods/burstable/podPOD"),
            ("kubepods/podPOD/ID", "kubepods/podPOD"),
            (
                "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podPOD.slice/cri-containerd-ID.scope",
                "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podPOD.slice",
            ),
            (
                "kubepods.slice/kubepods-podPOD.slice/crio-ID.scope/container",
                "kubepods.slice/kubepods-podPOD.slice",
            ),
        ] {
            assert_eq!(found(path).as_deref(), Some(pod), "{path}");
        }
    }

    #[test]
    fn outside_of_pods_it_is_the_container_alone() {
        assert_eq!(found("docker/ID").as_deref(), Some("docker/ID"));
        assert_eq!(
            found("system.slice/docker-ID.scope/init").as_deref(),
            Some("system.slice/docker-ID.scope")
        );
        // Somebody's own folder is no pod.
        assert_eq!(found("podman/pod7/ID").as_deref(), Some("podman/pod7/ID"));
    }

    #[test]
    fn it_is_never_a_cgroup_that_is_not_called_as_the_container() {
        assert_eq!(found(""), None);
        assert_eq!(found("kubepods/burstable/podPOD"), None);
        assert_eq!(found("system.slice/kubelet.service"), None);
        assert_eq!(whose(Path::new("kubepods/podX/y"), ""), None);
    }
}
