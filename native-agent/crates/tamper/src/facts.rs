//! What the agent goes by and nobody but itself should change: read again and again, and compared.
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use norn_os::mounts::mounts;

/// Of Tyr's files: who the host is, who may stop its agent, and how the run before ended.
const TYRS: [&str; 3] = [KEY, "maintenance.json", "farewell.json"];
/// Of these: with it anybody anywhere speaks as this host.
const KEY: &str = "identity.json";

/// What begins so is about what the agent sees.
pub const SENSOR: &str = "the sensor's ";
/// The control group that Tyr makes for the agent.
const GROUP: &str = "norn-agent";
/// What of the state is there as long as the agent runs.
const STATE: [&str; 5] = [
    "baldur.lock",
    "commands.journal",
    "held.findings",
    "outcomes",
    "vault",
];
/// With less than this the agent can't write any more, bytes.
const ROOM_BYTES: u64 = 16 << 20;

/// Files that are the agent's alone.
#[derive(Debug, Clone, Default)]
pub struct Own {
    program: PathBuf,
    state: PathBuf,
    /// Tyr's.
    folder: Option<PathBuf>,
    tyrs: Vec<PathBuf>,
}

impl Own {
    /// `state`: Baldur's state directory, which lies in Tyr's.
    pub fn new(state: PathBuf) -> Self {
        let program = fs::read_link("/proc/self/exe").unwrap_or_default();
        let folder = state.parent().filter(|folder| folder.is_absolute());
        let folder = folder.map(Path::to_owned);
        let tyrs = folder
            .as_ref()
            .map(|folder| TYRS.map(|name| folder.join(name)).to_vec());
        Self {
            program,
            state,
            folder,
            tyrs: tyrs.unwrap_or_default(),
        }
    }

    /// The key by which the host is known to the installation.
    pub fn key(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(KEY))
    }

    /// Is it where all that is Tyr's lies?
    pub fn is_folder(&self, path: &[u8]) -> bool {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let folder = self.folder.as_ref();
        folder.is_some_and(|folder| folder.as_os_str().as_bytes() == path)
    }

    /// Is this the agent's program, its state, Tyr's, or its control group?
    pub fn has(&self, path: &[u8]) -> bool {
        let path = Path::new(OsStr::from_bytes(path));
        let is_group = || path.starts_with("/sys/fs/cgroup") && path.iter().any(|name| name == GROUP);
        let is_state = !self.state.as_os_str().is_empty() && path.starts_with(&self.state);
        // Asked of every file that is changed: bytes are compared, not parts of paths.
        let is_tyrs = || self.tyrs.iter().any(|file| file.as_os_str() == path.as_os_str());
        path.is_absolute() && (is_state || path == self.program || is_group() || is_tyrs())
    }
}

/// By what it is, in words; the value is only compared and shown.
pub type Facts = BTreeMap<String, String>;

/// All of them, as of now. What can't be read is not among them.
pub fn read(own: &Own, pids: &[u32]) -> Facts {
    let mut facts = Facts::new();
    for &pid in pids {
        of_process(pid, &mut facts);
    }
    of_group(&mut facts);
    of_files(own, &mut facts);
    of_kernel(&mut facts);
    facts
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn of_process(pid: u32, facts: &mut Facts) {
    const LIMITS: [&str; 4] = [
        "Max cpu time",
        "Max file size",
        "Max processes",
        "Max address space",
    ];
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    for name in LIMITS {
        if let Some(value) = limits.lines().find_map(|line| line.strip_prefix(name)) {
            let value = value.split_whitespace().take(2).collect::<Vec<_>>().join(" of ");
            facts.insert(format!("the limit «{name}» of process {pid}"), value);
        }
    }
    if let Some(score) = text(format!("/proc/{pid}/oom_score_adj")) {
        facts.insert(
            format!("the place of process {pid} among those that are ended when memory is short"),
            score,
        );
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    if let Some(list) = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
    {
        facts.insert(
            format!("the list of processors of process {pid}"),
            list.trim().to_owned(),
        );
    }
    if let Some(value) = priority(pid) {
        facts.insert(format!("the priority of process {pid}"), value);
    }
}

/// Of its first thread: nice value and policy, fields 19 and 41 of proc_pid_stat(5).
fn priority(pid: u32) -> Option<String> {
    const AFTER_THE_NAME: usize = 3;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
    let field = |number: usize| fields.get(number - AFTER_THE_NAME).copied();
    Some(format!("nice {}, policy {}", field(19)?, field(41)?))
}

/// Values of the control groups that the agent is in, in both versions.
fn of_group(facts: &mut Facts) {
    const FILES: [&str; 10] = [
        "cpu.max",
        "cpu.weight",
        "cpuset.cpus",
        "memory.max",
        "memory.high",
        "pids.max",
        "cpu.cfs_quota_us",
        "cpu.shares",
        "memory.limit_in_bytes",
        "freezer.state",
    ];
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let table = mounts(&fs::read("/proc/self/mountinfo").unwrap_or_default());
    for mount in table.iter().filter(|mount| mount.kind.starts_with(b"cgroup")) {
        let at = Path::new(OsStr::from_bytes(&mount.at));
        let controllers = at.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let line = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (names, path) = rest.split_once(':')?;
            let is_it = if mount.kind == b"cgroup2" {
                names.is_empty()
            } else {
                names == controllers
            };
            is_it.then_some(path)
        });
        let Some(path) = line else { continue };
        let folder = at.join(path.trim_start_matches('/'));
        facts.insert(
            format!("the control group of the agent in {}", at.display()),
            path.to_owned(),
        );
        for file in FILES {
            if let Some(value) = text(folder.join(file)) {
                facts.insert(
                    format!("{} of the agent's control group", folder.join(file).display()),
                    value,
                );
            }
        }
    }
}

fn of_files(own: &Own, facts: &mut Facts) {
    let version = |path: &Path| {
        fs::metadata(path).map_or_else(
            |_| "not there".to_owned(),
            |file| format!("inode {}, {} bytes, of {}", file.ino(), file.size(), file.mtime()),
        )
    };
    if !own.program.as_os_str().is_empty() {
        facts.insert(
            format!("the agent's program {}", own.program.display()),
            version(&own.program),
        );
    }
    if own.state.as_os_str().is_empty() {
        return;
    }
    let there = |path: &Path| if path.exists() { "there" } else { "not there" }.to_owned();
    facts.insert(
        format!("the agent's state {}", own.state.display()),
        there(&own.state),
    );
    for path in STATE
        .map(|name| own.state.join(name))
        .iter()
        .filter(|path| path.exists())
    {
        facts.insert(format!("the agent's file {}", path.display()), "there".to_owned());
    }
    facts.insert(
        format!("the right to write to {}", own.state.display()),
        may_write(&own.state),
    );
}

fn may_write(folder: &Path) -> String {
    let Ok(state) = statvfs(folder) else {
        return "not known".to_owned();
    };
    if state.flags().contains(FsFlags::ST_RDONLY) {
        return "none, for it is mounted to be read only".to_owned();
    }
    let room = state.blocks_available().saturating_mul(state.fragment_size());
    if room < ROOM_BYTES {
        return "of no use, for the disk is full".to_owned();
    }
    let trial = folder.join(".written");
    let written = fs::write(&trial, b"").and_then(|()| fs::remove_file(&trial));
    written.map_or_else(
        |error| format!("none, for the kernel says: {error}"),
        |()| "given".to_owned(),
    )
}

/// What the kernel is told to do for those who trace and watch.
fn of_kernel(facts: &mut Facts) {
    const SWITCHES: [&str; 6] = [
        "/proc/sys/kernel/ftrace_enabled",
        "/proc/sys/kernel/perf_event_paranoid",
        "/proc/sys/kernel/perf_event_max_sample_rate",
        "/proc/sys/fs/fanotify/max_user_marks",
        "/sys/kernel/debug/kprobes/enabled",
        "/sys/kernel/tracing/tracing_on",
    ];
    for path in SWITCHES {
        if let Some(value) = text(path) {
            facts.insert(format!("the kernel's switch {path}"), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(state: &Path) -> Own {
        Own::new(state.to_owned())
    }

    #[test]
    fn what_is_the_agents_is_told_from_what_is_beside_it() {
        let own = own(Path::new("/var/lib/norn/baldur"));
        assert!(own.has(b"/var/lib/norn/baldur/vault/index"));
        assert!(own.has(b"/sys/fs/cgroup/cpu/norn-agent/cpu.cfs_quota_us"));
        assert!(own.has(own.program.as_os_str().as_bytes()));
        assert!(own.has(b"/var/lib/norn/maintenance.json"));
        assert_eq!(own.key(), Some(PathBuf::from("/var/lib/norn/identity.json")));
        assert!(own.is_folder(b"/var/lib/norn") && own.is_folder(b"/var/lib/norn/"));
        assert!(!own.is_folder(b"/var/lib") && !own.is_folder(b"/var/lib/norn/baldur"));
        for beside in [
            "/var/lib/norn/baldur2",
            "/var/lib/norn/logs",
            "/srv/maintenance.json",
        ] {
            assert!(!own.has(beside.as_bytes()), "{beside}");
        }
        assert!(!own.has(b"/home/a/norn-agent/x"));
        assert!(!own.has(b""));
    }

    #[test]
    fn a_file_of_the_state_that_is_removed_is_a_fact_less_and_a_folder_without_rights_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("commands.journal"), b"x").expect("a file");
        let before = read(&own(folder.path()), &[std::process::id()]);
        fs::remove_file(folder.path().join("commands.journal")).expect("it is there");
        let after = read(&own(folder.path()), &[std::process::id()]);
        let gone: Vec<&String> = before.keys().filter(|what| !after.contains_key(*what)).collect();
        assert_eq!(
            gone,
            [&format!(
                "the agent's file {}/commands.journal",
                folder.path().display()
            )]
        );
        assert_eq!(
            before[&format!("the right to write to {}", folder.path().display())],
            "given"
        );
        assert!(before.contains_key(&format!("the priority of process {}", std::process::id())));
        assert!(!folder.path().join(".written").exists());
    }

    #[test]
    fn another_file_in_the_programs_place_is_another_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("baldur");
        fs::write(&program, b"one").expect("a file");
        let own = Own {
            program: program.clone(),
            ..Own::default()
        };
        let before = read(&own, &[]);
        fs::write(folder.path().join("other"), b"two").expect("a file");
        fs::rename(folder.path().join("other"), &program).expect("it takes the place");
        assert_ne!(before, read(&own, &[]));
    }
}
