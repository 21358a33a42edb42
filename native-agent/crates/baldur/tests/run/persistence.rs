//! What an intruder plants on a host to come back is undone with its files.
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use norn_events::wire::action::v1::command::Action;
use norn_events::wire::action::v1::{OutcomeState, RestoreAction, Verdict};

use crate::fake_tyr::{FakeTyr, Stage};
use crate::{command, sees_processes};

/// A host's /etc and /usr/local/bin in small; removed with the test.
struct Host(PathBuf);

impl Host {
    fn new() -> Self {
        let root = PathBuf::from(format!("/var/tmp/norn-persistence-{}", std::process::id()));
        for folder in [
            "etc/cron.d",
            "etc/systemd/system",
            "etc/sudoers.d",
            "root/.ssh",
            "bin",
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        fs::write(root.join("etc/shadow"), "root:*:20000:0:99999:7:::\n").unwrap();
        fs::set_permissions(root.join("etc/shadow"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(root.join("etc/cron.d/backup"), "0 3 * * * root /bin/true\n").unwrap();
        fs::write(root.join("root/.ssh/authorized_keys"), "ssh-ed25519 AAAA owner\n").unwrap();
        Self(root)
    }

    /// Path → (content, mode, mtime), of all files.
    fn manifest(&self) -> Vec<(PathBuf, Vec<u8>, u32, i64)> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    folders.push(path);
                } else {
                    let content = fs::read(&path).unwrap_or_default();
                    files.push((path, content, metadata.mode(), metadata.mtime_nsec()));
                }
            }
        }
        files.sort();
        files
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Ways that ATT&CK lists under T1053, T1136, T1098.004, T1543.002, T1546.004, T1548.003, T1574.006.
const INTRUSION: &str = r#"
cd "$0"
printf '* * * * * root /opt/implant\n' > etc/cron.d/update
printf '* * * * * root /opt/implant\n' >> etc/cron.d/backup
printf '[Service]\nExecStart=/opt/implant\n' > etc/systemd/system/update.service
mkdir -p etc/systemd/system/multi-user.target.wants
ln -s ../update.service etc/systemd/system/multi-user.target.wants/update.service
printf 'eve:x:0:0::/:/bin/sh\n' >> etc/passwd
sed -i 's/root:\*/root:$6$evil/' etc/shadow
printf 'eve ALL=(ALL) NOPASSWD: ALL\n' > etc/sudoers.d/eve
printf 'ssh-ed25519 EVIL eve\n' >> root/.ssh/authorized_keys
printf '/opt/hook.so\n' > etc/ld.so.preload
cp /bin/true bin/implant
chmod 4755 bin/implant
sleep 1
"#;

fn undo(tyr: &mut FakeTyr, pid: u32) -> norn_events::wire::action::v1::Outcome {
    let scope = tyr.process(pid);
    let restore = command(1, scope, Action::Restore(RestoreAction::default()));
    tyr.command(&restore);
    tyr.outcome(&restore.id)
}

/// Copies are named by their SHA-256.
fn quarantined(state: &Path) -> usize {
    let names = fs::read_dir(state.join("vault/quarantine")).unwrap();
    names
        .filter(|name| name.as_ref().unwrap().file_name().len() == 64)
        .count()
}

// @norn-strict
#[test]
fn what_was_planted_to_come_back_is_undone_and_the_implant_kept_for_the_analyst() {
    let host = Host::new();
    let mut stage = Stage::new("persistence", &["--keep", host.0.to_str().unwrap()]);
    stage.start_baldur();
    let (mut tyr, hello) = stage.accept();
    if !sees_processes(&hello) {
        return;
    }
    tyr.until_files_are_kept();
    let before = host.manifest();
    let mut intruder = Program::new("/bin/sh")
        .arg("-c")
        .arg(INTRUSION)
        .arg(&host.0)
        .spawn()
        .unwrap();
    let pid = intruder.id();
    assert!(intruder.wait().unwrap().success());
    assert_ne!(host.manifest(), before);

    let outcome = undo(&mut tyr, pid);
    assert_eq!(outcome.state(), OutcomeState::Succeeded, "{}", outcome.message);
    assert_eq!(host.manifest(), before);
    let lost = outcome
        .files
        .iter()
        .filter(|file| file.verdict() == Verdict::Lost)
        .count();
    assert_eq!(lost, 0, "{:?}", outcome.files);
    assert_eq!(quarantined(&stage.dir.join("state")), 1);
}
