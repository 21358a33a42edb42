//! A container as a runtime makes one: a mount namespace whose root is an overlay, with a directory of the host mounted in it
//! under the host's own name, so that paths are the same inside and outside.
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::child::{Child, eventually, fork};
use super::{c_path, mount};

pub struct Container {
    init: Option<Child>,
    pub pid: u32,
}

fn check(result: i64, what: &str) {
    assert!(result >= 0, "{what}: {}", std::io::Error::last_os_error());
}

pub fn mount_overlay(lower: &Path, (upper, work): (&Path, &Path), at: &Path) {
    let [lower, upper, work] = [lower, upper, work].map(Path::display);
    let layers = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    mount(("overlay", Path::new("none")), at, 0, &layers);
}

impl Container {
    /// `merged` is mounted already, and has an empty directory where `shared` is to be.
    pub fn start(merged: &Path, shared: &Path, others: &[(PathBuf, PathBuf)]) -> Self {
        let ready = shared.join(".ready");
        let init = fork(|| {
            // A copy of the vault's groups would keep them alive, and nobody would answer.
            // SAFETY: takes integers only; nothing of this process uses those descriptors.
            check(unsafe { libc::close_range(3, u32::MAX, 0) }.into(), "close_range");
            // SAFETY: takes an integer only.
            check(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into(), "unshare");
            let private = libc::MS_REC | libc::MS_PRIVATE;
            mount(("none", Path::new("none")), Path::new("/"), private, "");
            let inside = merged.join(shared.strip_prefix("/").unwrap());
            mount(("none", shared), &inside, libc::MS_BIND, "");
            for (host, name) in others {
                mount(("none", host), &merged.join(name), libc::MS_BIND, "");
            }
            std::env::set_current_dir(merged).unwrap();
            let here = c_path(Path::new("."));
            // SAFETY: the strings outlive the calls.
            unsafe {
                check(
                    libc::syscall(libc::SYS_pivot_root, here.as_ptr(), here.as_ptr()),
                    "pivot_root",
                );
                check(libc::umount2(here.as_ptr(), libc::MNT_DETACH).into(), "umount");
            }
            std::env::set_current_dir("/").unwrap();
            fs::write(&ready, "").unwrap();
            loop {
                // SAFETY: takes nothing.
                unsafe { libc::pause() };
            }
        });
        assert!(eventually(|| ready.exists()), "the container did not start");
        fs::remove_file(&ready).unwrap();
        let pid = init.0 as u32;
        Self {
            init: Some(init),
            pid,
        }
    }

    /// The calling process goes in; it must have been forked for that.
    pub fn enter(&self) {
        let namespace = File::open(format!("/proc/{}/ns/mnt", self.pid)).unwrap();
        // SAFETY: takes integers only.
        let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNS) };
        check(entered.into(), "setns");
    }
}

/// As somebody with the right to mount does on the host.
pub fn bind(what: &Path, at: &Path) {
    mount(("none", what), at, libc::MS_BIND, "");
}

pub fn mount_tmpfs(at: &Path) {
    mount(("tmpfs", Path::new("none")), at, 0, "");
}

impl Container {
    /// A directory of the host is mounted into it while it runs.
    pub fn mount_later(&self, host: &Path, name: &Path) {
        let mounted = fork(|| {
            let (open, clone) = (c_path(host), 1_u64 | 0x8_0000);
            // SAFETY: the string outlives the call.
            let tree = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, open.as_ptr(), clone) };
            check(tree, "open_tree");
            self.enter();
            fs::create_dir_all(name).unwrap();
            let (none, to, by_descriptor) = (c_path(Path::new("")), c_path(name), 4_u64);
            // SAFETY: the strings outlive the call.
            let moved = unsafe {
                libc::syscall(
                    libc::SYS_move_mount,
                    tree,
                    none.as_ptr(),
                    libc::AT_FDCWD,
                    to.as_ptr(),
                    by_descriptor,
                )
            };
            check(moved, "move_mount");
        });
        assert!(mounted.ended_well(), "nothing was mounted");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(init) = self.init.take() {
            init.kill();
        }
    }
}
