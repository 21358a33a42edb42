//! Opens through an io_uring whose file was gone, or another, when the result was told: what the name leads to is looked up
//! afterwards. Whoever changes a link in between is known by the change.
use std::os::fd::AsRawFd;
use std::sync::LazyLock;

use norn_os::paths::{last, open_path, parent};
use norn_os::{fstat, open_remembered, path_of};

use crate::sensitive::SensitiveFiles;

static KNOWN: LazyLock<SensitiveFiles> = LazyLock::new(SensitiveFiles::built_in);

/// The row's `value` as the kernel side gives it, SensitiveFile << 32 | pid, and 0 for all other files. `path` becomes that
/// of the file where a link led to a sensitive one.
pub fn judge(path: &mut Vec<u8>, reader: u32) -> u64 {
    if let Some(file) = resolve(path, reader) {
        let value = value_of(&file, reader);
        if value != 0 {
            *path = file;
            return value;
        }
    }
    value_of(path, reader)
}

fn value_of(path: &[u8], reader: u32) -> u64 {
    let directory = parent(path);
    let (mut holder, mut pid) = (last(directory), 0);
    if parent(directory) == b"/proc" || path.starts_with(b"/proc/") {
        let Some(target) = pid_of(path) else { return 0 };
        (holder, pid) = (b"proc", target);
        if target == reader {
            return 0;
        }
    } else if holder.starts_with(b"..") {
        // Of a volume of Kubernetes, which is swapped when it is renewed.
        holder = last(parent(directory));
    }
    let class = KNOWN.class_of(holder, last(path));
    u64::from(class) << 32 | u64::from(pid * u32::from(class != 0))
}

/// Whom a file of /proc is about.
fn pid_of(path: &[u8]) -> Option<u32> {
    let rest = path.strip_prefix(b"/proc/")?;
    let name = rest.split(|&byte| byte == b'/').next()?;
    str::from_utf8(name).ok()?.parse().ok()
}

/// The file's own path, as its reader sees it; on the host when the reader has ended.
fn resolve(path: &[u8], reader: u32) -> Option<Vec<u8>> {
    let link = format!("/proc/{reader}/root");
    let root = open_path(link.as_bytes()).or_else(|_| open_path(b"/")).ok()?;
    let file = open_remembered(root.as_raw_fd(), path).ok()?;
    if fstat(file.as_raw_fd()).ok()?.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    let (seen, above) = (path_of(file.as_raw_fd()).ok()?, path_of(root.as_raw_fd()).ok()?);
    match seen.strip_prefix(&above[..]) {
        Some(rest) if above != b"/" && rest.starts_with(b"/") => Some(rest.to_vec()),
        _ => Some(seen),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    use nix::sched::{CloneFlags, unshare};

    use super::*;
    use norn_events::SensitiveFile;

    fn class(path: &str, reader: u32) -> u64 {
        judge(&mut path.as_bytes().to_vec(), reader) >> 32
    }

    #[test]
    fn a_name_is_judged_like_a_file() {
        let own = std::process::id();
        assert_eq!(class("/none/etc/shadow", own), SensitiveFile::PasswordHash as u64);
        assert_eq!(class("/none/.ssh/work.pem", own), SensitiveFile::SshKey as u64);
        assert_eq!(class("/none/.ssh/known_hosts", own), 0);
        assert_eq!(class("/none/etc/hostname", own), 0);
    }

    /// A directory with a sensitive file, and a link to it of an innocent name.
    struct Linked(std::path::PathBuf);

    impl Linked {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("norn-attempt-{name}-{}", std::process::id()));
            std::fs::create_dir_all(directory.join("etc")).unwrap();
            std::fs::write(directory.join("etc/shadow"), "none").unwrap();
            std::os::unix::fs::symlink(directory.join("etc/shadow"), directory.join("innocent")).unwrap();
            // Made, followed and judged by three, each in a moment of the kernel's clock of its own.
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::read(directory.join("innocent")).unwrap();
            Self(directory)
        }

        fn judged(&self) -> (u64, Vec<u8>) {
            let mut path = self.0.join("innocent").display().to_string().into_bytes();
            (judge(&mut path, std::process::id()) >> 32, path)
        }
    }

    impl Drop for Linked {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_link_is_followed() {
        let (class, path) = Linked::new("alone").judged();
        assert_eq!(class, SensitiveFile::PasswordHash as u64);
        assert!(path.ends_with(b"/etc/shadow"));
    }

    #[test]
    fn a_link_is_followed_while_somebody_mounts() {
        let linked = Linked::new("mounts");
        let mounted = linked.0.join("elsewhere");
        std::fs::create_dir(&mounted).unwrap();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNS).expect("mounts of its own need root");
                let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
                while !ended.load(Ordering::Relaxed) {
                    mount(
                        Some("norn"),
                        &mounted,
                        Some("tmpfs"),
                        MsFlags::empty(),
                        None::<&str>,
                    )
                    .unwrap();
                    umount2(&mounted, MntFlags::MNT_DETACH).unwrap();
                }
            });
            let missed = (0..20_000).filter(|_| linked.judged().0 == 0).count();
            ended.store(true, Ordering::Relaxed);
            assert_eq!(missed, 0);
        });
    }

    #[test]
    fn a_process_may_look_at_itself() {
        let own = std::process::id();
        assert_eq!(class(&format!("/proc/{own}/environ"), own), 0);
        let other = judge(&mut b"/proc/1/environ".to_vec(), own);
        assert!(other >> 32 != 0 && other as u32 == 1, "{other:#x}");
    }
}
