//! A stage of its own for each test: a file system that only this test marks, policies in a few words, containers without a runtime.
#![allow(dead_code, reason = "each of the test programs needs a part of it")]
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use norn_events::ContainerId;
use norn_events::wire::agent::v1::HostPolicyForHost;
use norn_events::wire::policy::v1::{
    HostAction, HostEvent, HostField, HostMatch, HostOperator, HostPolicy, HostRule, HostTest,
};
use norn_policy::{Denial, Enforcer, EnforcerOptions, Places};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A tmpfs that is unmounted with this, and the agent's part that asks about programs on it.
pub struct Stage {
    pub dir: PathBuf,
    pub enforcer: Enforcer,
    mounts: Vec<PathBuf>,
    cgroups: Vec<PathBuf>,
}

impl Stage {
    pub fn new() -> Self {
        Self::with_deadline(norn_policy::DEADLINE)
    }

    pub fn with_deadline(deadline: Duration) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("norn-policy-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        mount(Some("none"), &dir, Some("tmpfs"), MsFlags::empty(), None::<&str>)
            .expect("root mounts a tmpfs");
        let options = EnforcerOptions {
            places: Places::Only(vec![dir.clone()]),
            deadline,
            ..EnforcerOptions::new(container_of, now_us() * 1_000, boot_unix_ns())
        };
        Self {
            mounts: vec![dir.clone()],
            enforcer: Enforcer::new(options, Box::new(|| {})),
            cgroups: Vec::new(),
            dir,
        }
    }

    pub fn apply(&mut self, rules: Vec<HostRule>) {
        static EPOCH: AtomicU32 = AtomicU32::new(1);
        let policy = HostPolicy {
            policy: "trial".to_owned(),
            epoch: EPOCH.fetch_add(1, Ordering::Relaxed).into(),
            rules,
            ..HostPolicy::default()
        };
        let message = HostPolicyForHost {
            policy: Some(policy),
            groups: Vec::new(),
        };
        self.enforcer.apply(&message).expect("the policy is well formed");
        assert_eq!(self.enforcer.status().unenforced, Vec::<String>::new());
    }

    /// A program under a name of its own.
    pub fn program(&self, name: &str) -> PathBuf {
        copy("/bin/busybox", Path::new(&self.text(name)))
    }

    /// busybox takes a name that does not begin like its own for an applet's.
    pub fn text(&self, name: &str) -> String {
        let plain = name.contains(['/', '*']);
        let name = if plain {
            name.to_owned()
        } else {
            format!("busybox-{name}")
        };
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// Waits for one: those of the kernel are taken, not sent.
    pub fn denial(&mut self) -> Denial {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some((denial, _)) = self.enforcer.take_denials().pop() {
                return denial;
            }
            assert!(Instant::now() < deadline, "nothing was refused");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// An overlay with busybox in its image, and a cgroup by which it is a container.
    pub fn container(&mut self) -> Container {
        let home = self.dir.join(format!("container-{}", self.mounts.len()));
        let part = |name: &str| home.join(name);
        for name in ["lower/bin", "upper", "work", "merged"] {
            fs::create_dir_all(part(name)).unwrap();
        }
        copy("/bin/busybox", &part("lower/bin/busybox"));
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            part("lower").display(),
            part("upper").display(),
            part("work").display()
        );
        let root = part("merged");
        mount(
            Some("overlay"),
            &root,
            Some("overlay"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .unwrap();
        self.mounts.push(root.clone());
        let id = format!(
            "{:056x}{:08x}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let cgroup = cgroup_root().join(format!("norn-{id}"));
        fs::create_dir(&cgroup).expect("a cgroup can be made");
        self.cgroups.push(cgroup.clone());
        Container { id, root, cgroup }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for mounted in self.mounts.iter().rev() {
            let _gone = umount2(mounted, MntFlags::MNT_DETACH);
        }
        for cgroup in &self.cgroups {
            let _gone = fs::remove_dir(cgroup);
        }
        let _gone = fs::remove_dir(&self.dir);
    }
}

pub struct Container {
    pub id: String,
    pub root: PathBuf,
    cgroup: PathBuf,
}

impl Container {
    /// What it runs is named as it is called in there.
    pub fn run(&self, program: &str, arguments: &[&str]) -> io::Result<i32> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let procs = self.cgroup.join("cgroup.procs");
        let root = self.root.clone();
        // SAFETY: the closure writes a file and makes system calls; the test program has no locks that a fork could break here.
        unsafe {
            command.pre_exec(move || {
                fs::write(&procs, "0")?;
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
                nix::unistd::chroot(&root)?;
                nix::unistd::chdir("/")?;
                Ok(())
            });
        }
        command.status().map(|status| status.code().unwrap_or(-1))
    }
}

fn container_of(path: &[u8]) -> Option<ContainerId> {
    let name = path.rsplit(|&byte| byte == b'/').next()?.strip_prefix(b"norn-")?;
    Some(ContainerId::from(String::from_utf8_lossy(name).as_ref()))
}

pub fn cgroup_root() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    mount
        .expect("cgroup v2 is mounted")
        .split(' ')
        .nth(1)
        .unwrap()
        .into()
}

/// To run it. Another process writes it: what this one holds open for writing, a fork of another test's holds open as well, and
/// the file could not be run meanwhile.
pub fn copy(from: impl AsRef<Path>, to: &Path) -> PathBuf {
    let mut install = Command::new("install");
    install.args(["-D", "-m", "755"]).arg(from.as_ref()).arg(to);
    let done = install.output().unwrap();
    let problem = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{problem} (busybox-static is needed)");
    to.to_owned()
}

/// Its exit code, or why it was not started.
pub fn start(program: &Path, arguments: &[&str]) -> io::Result<i32> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().map(|status| status.code().unwrap_or(-1))
}

pub fn is_refused<T>(result: &io::Result<T>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| error.raw_os_error() == Some(libc::EPERM))
}

pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

/// Of the boot.
fn boot_unix_ns() -> u64 {
    let since = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap();
    now_us() * 1_000 - since.tv_sec() as u64 * 1_000_000_000 - since.tv_nsec() as u64
}

pub fn test(field: HostField, operator: HostOperator, values: &[&str]) -> HostTest {
    HostTest {
        field: field.into(),
        operator: operator.into(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        ..HostTest::default()
    }
}

pub fn like(field: HostField, value: &str) -> HostTest {
    test(field, HostOperator::Like, &[value])
}

pub fn not(test: HostTest) -> HostTest {
    HostTest {
        negated: true,
        ..test
    }
}

pub fn rule(event: HostEvent, action: HostAction, all: &[HostTest]) -> HostRule {
    HostRule {
        name: "trial.rule".to_owned(),
        event: event.into(),
        action: action.into(),
        any: vec![HostMatch { all: all.to_vec() }],
        ..HostRule::default()
    }
}

pub fn deny(event: HostEvent, all: &[HostTest]) -> HostRule {
    rule(event, HostAction::Deny, all)
}
