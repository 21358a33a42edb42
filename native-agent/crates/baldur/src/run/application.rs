//! `baldur run -- CMD`: the application that runs under the agent inside a container. The agent stands in for it: signals go on
//! to it, its exit code becomes the agent's.
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, access};
use norn_events::wire::action::v1::Verdict;
use norn_events::wire::finding::v1::Evidence;
use norn_events::{ContainerId, ProcessUid};
use norn_inside::{Inside, InsideOptions};
use norn_os::clock::boot_ns;
use norn_vault::RestoreReport;

use super::arguments::RunArguments;
use super::sensor::Sensor;

/// After the application's end: findings are completed.
const SETTLE_NS: u64 = 60_000_000;
/// After the application's end, when something fired: commands about it are waited for, as pre-images go with the agent.
const COMMANDS_NS: u64 = 10_000_000_000;
/// Where the state may be kept when nobody says: the first that can be made and written.
const STATE_DIRS: [&str; 3] = ["/run/norn", "/var/lib/norn", "/dev/shm"];

/// Signals that the agent takes for the application.
pub const FORWARDED: [Signal; 9] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
    Signal::SIGTSTP,
];

pub struct Application {
    /// What a reflex killed is put back at once.
    pub restores: bool,
    exit_code: Option<i32>,
    fired: bool,
    stays_until_ns: u64,
}

impl Application {
    /// Starts it; before any other thread of the agent.
    pub fn start(arguments: &RunArguments, state_dir: &Path) -> anyhow::Result<(Self, Inside)> {
        let vault_directories = [Path::new("/var/tmp"), Path::new("/tmp"), state_dir];
        let inside = Inside::start(InsideOptions {
            command: arguments.command.clone(),
            account: arguments.user,
            protected: arguments.protect.clone(),
            vault_directories: vault_directories.map(Path::to_owned).to_vec(),
            vault_bytes_max: arguments.vault_bytes,
            container: Some(container()),
            boot_id: norn_os::clock::boot_id().unwrap_or_default(),
            credentials_of: norn_probe::read_credentials,
        })?;
        let application = Self {
            restores: !arguments.no_restore,
            exit_code: None,
            fired: false,
            stays_until_ns: 0,
        };
        Ok((application, inside))
    }

    pub fn exit_code(&self) -> i32 {
        self.exit_code.unwrap_or(0)
    }

    pub fn note_firing(&mut self) {
        self.fired = true;
    }

    /// True when the application has ended and nothing is to be waited for.
    pub fn heed(&mut self, signals: &[Signal], sensor: &mut Sensor, is_connected: bool) -> bool {
        let Sensor::Inside(inside) = sensor else {
            return true;
        };
        for &signal in signals.iter().filter(|&&signal| signal != Signal::SIGCHLD) {
            let _gone = kill(Pid::from_raw(inside.first().cast_signed()), signal);
            // Told twice to end: nobody waits for commands then.
            if self.exit_code.is_some() {
                self.stays_until_ns = 0;
            }
        }
        if let Some(code) = inside.reap() {
            self.exit_code = Some(code);
            let waits = match (self.fired, is_connected) {
                (false, _) => 0,
                (true, false) => SETTLE_NS,
                (true, true) => COMMANDS_NS,
            };
            self.stays_until_ns = boot_ns() + waits;
        }
        self.exit_code.is_some() && boot_ns() >= self.stays_until_ns
    }
}

/// What came of a restore, as a finding says it.
pub fn told(report: &RestoreReport) -> Evidence {
    let of = |verdict| report.count(verdict);
    Evidence {
        field: "response.restored".to_owned(),
        value: format!(
            "{} restored, {} removed, {} unchanged, {} lost, {} in conflict, in {} ms",
            of(Verdict::Restored),
            of(Verdict::Removed),
            of(Verdict::Unchanged),
            of(Verdict::Lost),
            of(Verdict::Conflict),
            report.elapsed_ms
        ),
    }
}

/// Of a restore that nobody asked for: what is lost is named in the log, as the pre-images are gone now.
pub fn log_restore(scope: ProcessUid, report: &RestoreReport) {
    let told = told(report).value;
    tracing::warn!(%scope, told, "what a stopped process did to files was undone");
    let lost = |verdict: i32| verdict == Verdict::Lost as i32 || verdict == Verdict::Conflict as i32;
    for file in report.files.iter().filter(|file| lost(file.verdict)).take(20) {
        let path = String::from_utf8_lossy(&file.path);
        tracing::warn!(%path, reason = file.reason, "not_restored");
    }
}

/// The one that was asked for, else the first that can be made.
pub fn state_dir(wanted: Option<PathBuf>) -> PathBuf {
    let own = |parent: &str| match parent {
        "/dev/shm" => Path::new(parent).join(format!("norn-{}", nix::unistd::geteuid())),
        _ => PathBuf::from(parent),
    };
    wanted.unwrap_or_else(|| {
        let mut candidates = STATE_DIRS.map(own).into_iter();
        candidates
            .find(|path| (path.is_dir() || fs::create_dir_all(path).is_ok()) && may_write(path))
            .unwrap_or_else(|| std::env::temp_dir().join("norn"))
    })
}

/// A volume that is mounted there may be another user's.
fn may_write(directory: &Path) -> bool {
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

/// Full id, from the cgroup or from what the runtime mounts; without one, made of the boot and of when this container began.
fn container() -> ContainerId {
    let read = |path| fs::read(path).unwrap_or_default();
    let cgroup = read("/proc/self/cgroup");
    let found = cgroup
        .split(|&byte| byte == b'\n')
        .find_map(norn_os::cgroups::container_in_path);
    found
        .or_else(|| of_mounts(&read("/proc/self/mountinfo")))
        .unwrap_or_else(|| {
            let seed = [read("/proc/sys/kernel/random/boot_id"), read("/proc/1/stat")].concat();
            made_up(&seed)
        })
}

/// Docker, containerd and CRI-O mount a container's own /etc/hostname and /etc/hosts from a directory with its id.
fn of_mounts(mounts: &[u8]) -> Option<ContainerId> {
    let lines = mounts.split(|&byte| byte == b'\n');
    let of_container = |line: &&[u8]| line.windows(5).any(|word| word == b" /etc");
    lines.filter(of_container).find_map(|line| {
        line.split(|&byte| byte == b' ')
            .find_map(norn_os::cgroups::container_in_path)
    })
}

fn made_up(seed: &[u8]) -> ContainerId {
    let half = |salt: u8| ProcessUid(norn_events::process_uid(&[salt; 16], 1, hash(seed)).0).to_string();
    format!("{}{}", half(1), half(2)).into()
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_container_is_in_what_its_runtime_mounts() {
        let id = "ab".repeat(32);
        let mounts = format!(
            "1 2 8:1 / / rw - ext4 /dev/vda rw\n3 2 8:1 /var/lib/docker/containers/{id}/hosts /etc/hosts rw - ext4 x rw\n"
        );
        assert_eq!(of_mounts(mounts.as_bytes()).as_deref(), Some(id.as_str()));
        assert_eq!(of_mounts(b"1 2 8:1 / / rw - ext4 /dev/vda rw\n"), None);
    }

    #[test]
    fn a_made_up_id_has_the_form_of_one_and_stays_the_same() {
        assert_eq!(made_up(b"x").len(), 64);
        assert_eq!(made_up(b"x"), made_up(b"x"));
        assert_ne!(made_up(b"x"), made_up(b"y"));
    }
}
