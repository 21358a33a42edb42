//! Sensitive files that are opened for reading, and how little of all other reading is told.
use std::path::Path;

use norn_events::{EventKind, SensitiveFile};

use crate::sensor::{Directory, Seen, Sensor, c};

/// A file below `directory`, with the folders above it.
fn put(directory: &Directory, name: &str) -> String {
    let path = directory.path().join(name);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).unwrap();
    std::fs::write(&path, "none").unwrap();
    directory.join(name)
}

fn class(seen: &Seen) -> u64 {
    seen.value >> 32
}

fn reads(seen: Vec<Seen>) -> Vec<Seen> {
    seen.into_iter()
        .filter(|event| event.kind == EventKind::FileRead)
        .collect()
}

/// What a child that opens these for reading is seen to read.
fn reads_of(paths: &[String]) -> Vec<Seen> {
    let names: Vec<_> = paths.iter().map(c).collect();
    reads(Sensor::start().events_of(|| {
        for name in &names {
            // SAFETY: plain system calls on a string that outlives them.
            unsafe { libc::close(libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)) };
        }
    }))
}

#[test]
fn a_sensitive_file_is_known_by_its_name_its_directory_or_both() {
    let directory = Directory::new("read");
    let expected = [
        ("etc/shadow", SensitiveFile::PasswordHash),
        ("etc/sudoers.d/90-cloud-init-users", SensitiveFile::PrivilegeRules),
        ("home/.ssh/work.pem", SensitiveFile::SshKey),
        ("home/.ssh/authorized_keys", SensitiveFile::SshAccess),
        ("elsewhere/id_ed25519", SensitiveFile::SshKey),
        ("home/.aws/credentials", SensitiveFile::CloudLogin),
        (
            "home/.config/gcloud/application_default_credentials.json",
            SensitiveFile::CloudLogin,
        ),
        ("home/.kube/config", SensitiveFile::ClusterLogin),
        ("home/.docker/config.json", SensitiveFile::ToolLogin),
        ("home/.pgpass", SensitiveFile::ToolLogin),
        ("home/.bash_history", SensitiveFile::ShellHistory),
        ("etc/krb5.keytab", SensitiveFile::DirectorySecret),
    ];
    let paths: Vec<String> = expected.iter().map(|(name, _)| put(&directory, name)).collect();
    let seen = reads_of(&paths);
    let found: Vec<_> = seen
        .iter()
        .map(|event| (event.path.clone(), class(event)))
        .collect();
    let due: Vec<_> = paths
        .into_iter()
        .zip(expected.map(|(_, class)| class as u64))
        .collect();
    assert_eq!(found, due);
    assert!(
        seen.iter()
            .all(|event| event.flags & 0o2_000_003 == libc::O_CLOEXEC as u32)
    );
    assert!(seen.iter().all(|event| event.result > 2), "the descriptor");
}

#[test]
fn files_that_have_such_a_name_elsewhere_are_not_told() {
    let directory = Directory::new("read-not");
    let paths: Vec<String> = [
        "etc/passwd",
        "var/shadow",
        ".git/config",
        "home/.ssh/known_hosts",
        "home/.ssh/config",
        "home/.aws/cli/cache",
        "home/.docker/daemon.json",
        "src/token",
        "src/environ",
        "etc/shadow/x",
        "etc/shadowsocks",
    ]
    .iter()
    .filter(|name| **name != "etc/shadow/x")
    .map(|name| put(&directory, name))
    .collect();
    assert_eq!(reads_of(&paths).len(), 0);
}

#[test]
fn a_file_is_known_through_a_link_and_through_the_folders_that_kubernetes_swaps() {
    let directory = Directory::new("read-link");
    let token = put(&directory, "serviceaccount/..2026_01_31_09_00_00.17/token");
    let at = |name: &str| directory.path().join(name);
    std::os::unix::fs::symlink("..2026_01_31_09_00_00.17", at("serviceaccount/..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", at("serviceaccount/token")).unwrap();
    let seen = reads_of(&[directory.join("serviceaccount/token")]);
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(
        (&seen[0].path, class(&seen[0])),
        (&token, SensitiveFile::ServiceAccountToken as u64)
    );
}

#[test]
fn a_file_at_the_root_of_a_mount_is_in_the_directory_it_is_mounted_on() {
    let directory = Directory::new("read-mount");
    std::fs::create_dir_all(directory.path().join("serviceaccount")).unwrap();
    let (place, token) = (
        c(directory.join("serviceaccount")),
        c(directory.join("serviceaccount/token")),
    );
    let seen = reads(Sensor::start().events_of(|| {
        // SAFETY: plain system calls on strings that outlive them, in a mount namespace of the child's own.
        unsafe {
            libc::unshare(libc::CLONE_NEWNS);
            let private = libc::MS_REC | libc::MS_PRIVATE;
            let nothing = std::ptr::null();
            libc::mount(c"none".as_ptr(), c"/".as_ptr(), nothing, private, nothing.cast());
            libc::mount(
                c"none".as_ptr(),
                place.as_ptr(),
                c"tmpfs".as_ptr(),
                0,
                nothing.cast(),
            );
            libc::close(libc::open(token.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600));
            libc::open(token.as_ptr(), libc::O_RDONLY);
        }
    }));
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(seen[0].path, directory.join("serviceaccount/token"));
}

#[test]
fn memory_and_environment_are_told_of_other_processes_only() {
    // SAFETY: takes nothing, touches nothing.
    let parent = unsafe { libc::getpid() };
    let names = ["environ", "mem"].map(|name| {
        [
            c(format!("/proc/{parent}/{name}")),
            c(format!("/proc/self/{name}")),
        ]
    });
    let seen = reads(Sensor::start().events_of(|| {
        for name in names.iter().flatten() {
            // SAFETY: a plain system call on a string that outlives it.
            unsafe { libc::open(name.as_ptr(), libc::O_RDONLY) };
        }
    }));
    let found: Vec<_> = seen
        .iter()
        .map(|event| (event.path.as_str(), class(event), event.value as u32))
        .collect();
    let path = |name: &str| format!("/proc/{parent}/{name}");
    let pid = parent as u32;
    assert_eq!(
        found,
        [
            (
                path("environ").as_str(),
                SensitiveFile::ProcessEnvironment as u64,
                pid
            ),
            (path("mem").as_str(), SensitiveFile::ProcessMemory as u64, pid),
        ]
    );
}

#[test]
fn who_opens_for_both_has_read_and_may_write() {
    let directory = Directory::new("read-both");
    let name = c(put(&directory, "etc/shadow"));
    let seen = Sensor::start().events_of(|| {
        // SAFETY: plain system calls on a string that outlives them.
        unsafe {
            libc::open(name.as_ptr(), libc::O_RDWR);
            libc::open(name.as_ptr(), libc::O_WRONLY);
            libc::open(name.as_ptr(), libc::O_PATH);
        }
    });
    let kinds: Vec<_> = seen
        .iter()
        .map(|event| event.kind)
        .filter(|kind| matches!(kind, EventKind::FileRead | EventKind::FileOpen))
        .collect();
    assert_eq!(
        kinds,
        [EventKind::FileRead, EventKind::FileOpen, EventKind::FileOpen]
    );
}

#[test]
fn an_open_by_handle_is_an_open() {
    let directory = Directory::new("read-handle");
    let path = put(&directory, "etc/shadow");
    let (name, root) = (c(&path), c(Path::new("/")));
    let seen = reads(Sensor::start().events_of(|| {
        #[repr(C)]
        struct Handle {
            bytes: u32,
            kind: i32,
            handle: [u8; 128],
        }
        let mut handle = Handle {
            bytes: 128,
            kind: 0,
            handle: [0; 128],
        };
        let mut mount = 0;
        // SAFETY: system calls on strings and a structure that outlive them; the kernel writes at most `bytes` bytes of it.
        unsafe {
            let handle = (&raw mut handle).cast::<libc::file_handle>();
            libc::name_to_handle_at(libc::AT_FDCWD, name.as_ptr(), handle, &raw mut mount, 0);
            let at = libc::open(root.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
            libc::open_by_handle_at(at, handle, libc::O_RDONLY);
        }
    }));
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(class(&seen[0]), SensitiveFile::PasswordHash as u64);
}

#[test]
fn the_agent_s_key_is_known_by_both_its_names() {
    let directory = Directory::new("key");
    let key = put(&directory, "agent/identity.json");
    let other = put(&directory, "other/identity.json");
    let names = [c(&key), c(&other)];
    let mut sensor = Sensor::with(&norn_probe::ProbeOptions {
        self_test: false,
        agent_key: Some(key.clone().into()),
        ..Default::default()
    });
    let seen = reads(sensor.events_of(|| {
        for name in &names {
            // SAFETY: plain system calls on a string that outlives them.
            unsafe { libc::close(libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)) };
        }
    }));
    let found: Vec<_> = seen
        .iter()
        .map(|event| (event.path.as_str(), class(event)))
        .collect();
    assert_eq!(found, [(key.as_str(), SensitiveFile::AgentKey as u64)]);
}
