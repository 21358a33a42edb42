//! Who may be blamed for what a process did: itself and its ancestors, up to whatever starts other people's work.
use norn_events::{ContentChange, ImageFlag, Process, ProcessIndex, ProcessTable};

/// Ancestors looked at, the process itself included. Encryptors that fork deeper than this are found at the depth's end.
pub const CHAIN_MAX: usize = 12;

/// A change is stamped when it is seen, which may be after its author's end, ns.
const REPORT_LAG_NS: u64 = 100_000_000;

/// Start sessions, services and containers; blaming one of them would stop work that has nothing to do with the attack.
const MANAGERS: [&str; 31] = [
    "systemd",
    "init",
    "sshd",
    "sshd-session",
    "cron",
    "crond",
    "atd",
    "anacron",
    "login",
    "getty",
    "agetty",
    "su",
    "sudo",
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v1",
    "containerd-shim-runc-v2",
    "dockerd",
    "docker-init",
    "runc",
    "crun",
    "conmon",
    "podman",
    "kubelet",
    "supervisord",
    "tmux",
    "screen",
    "gdm",
    "dbus-daemon",
    "tyr",
    "baldur",
];

const RUNTIMES: [&str; 11] = [
    "runc",
    "crun",
    "youki",
    "containerd-shim",
    "containerd-shim-runc-v1",
    "containerd-shim-runc-v2",
    "containerd",
    "dockerd",
    "podman",
    "conmon",
    "buildah",
];

const SHELLS: [&str; 10] = [
    "sh", "bash", "rbash", "dash", "zsh", "ash", "ksh", "mksh", "fish", "csh",
];

/// Run what they are given: that they came with a package says nothing of the script.
const INTERPRETERS: [&str; 17] = [
    "python", "perl", "ruby", "node", "nodejs", "php", "php-fpm", "lua", "luajit", "java", "awk", "gawk",
    "mawk", "tclsh", "pwsh", "deno", "bun",
];

/// Make code at run time, beside the interpreters.
const COMPILERS: [&str; 10] = [
    "dotnet",
    "julia",
    "pypy",
    "chrome",
    "chromium",
    "firefox",
    "electron",
    "clickhouse",
    "beam.smp",
    "wasmtime",
];

/// Have a language of their own, or a shell of it, in which they are told what to write: `writefile` of a database, `w` of an editor.
const WRITERS: [&str; 20] = [
    "sqlite3",
    "duckdb",
    "psql",
    "mysql",
    "mariadb",
    "mongosh",
    "vi",
    "vim",
    "vim.basic",
    "vim.tiny",
    "vim.nox",
    "nvim",
    "ex",
    "ed",
    "emacs",
    "sed",
    "gdb",
    "m4",
    "expect",
    "octave-cli",
];

/// Do to a file what their parent tells them.
const CARRIERS: [&str; 15] = [
    "mv", "cp", "rm", "dd", "tee", "cat", "install", "unlink", "shred", "truncate", "ln", "xargs", "find",
    "env", "busybox",
];

/// Put files in place that others wrote: that they came with a package says nothing of the content.
const COPIERS: [&str; 13] = [
    "rsync", "tar", "bsdtar", "cpio", "pax", "unzip", "bsdcpio", "scp", "rclone", "7z", "7za", "7zr", "7zz",
];
/// The same, of what a peer, a repository or a package holds.
const BRINGERS: [&str; 8] = ["sftp-server", "git", "svn", "dpkg", "rpm", "apk", "curl", "wget"];

/// Put one file in another's place, with the same content: not all of what they make has a magic.
const COMPRESSORS: [&str; 15] = [
    "gzip",
    "pigz",
    "bzip2",
    "pbzip2",
    "lbzip2",
    "xz",
    "zstd",
    "lz4",
    "lzip",
    "plzip",
    "lzop",
    "lrzip",
    "brotli",
    "compress",
    "ncompress",
];

const SYSTEM_DIRECTORIES: [&[u8]; 7] = [
    b"/usr/", b"/bin/", b"/sbin/", b"/lib/", b"/lib64/", b"/opt/", b"/snap/",
];

/// Image flags that say "this program did not come with the system".
pub const FOREIGN: u32 = ImageFlag::UpperLayer as u32
    | ImageFlag::Memfd as u32
    | ImageFlag::Deleted as u32
    | ImageFlag::Tmpfs as u32
    | ImageFlag::New as u32;

/// Last component of the image's path; a memfd's own name.
pub fn image_name(process: &Process) -> &[u8] {
    base_name(&process.image.path)
}

pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

pub fn directory(path: &[u8]) -> &[u8] {
    &path[..path.len() - base_name(path).len()]
}

/// What a name ends in; all names without an ending are of one kind.
pub fn kind(path: &[u8]) -> &[u8] {
    let name = base_name(path);
    &name[stem(name).len()..]
}

/// A name without its ending.
pub fn stem(name: &[u8]) -> &[u8] {
    let dot = name.iter().rposition(|&byte| byte == b'.');
    dot.filter(|&at| at > 0).map_or(name, |at| &name[..at])
}

fn is_one_of(name: &[u8], list: &[&str]) -> bool {
    list.iter().any(|&known| known.as_bytes() == name)
}

/// `python3.11` → `python`.
fn without_version(name: &[u8]) -> &[u8] {
    let end = name
        .iter()
        .rposition(|&byte| !byte.is_ascii_digit() && byte != b'.')
        .map_or(0, |last| last + 1);
    &name[..end]
}

pub fn is_foreign(process: &Process) -> bool {
    process.image.flags & FOREIGN != 0
}

/// In a directory that only an administrator writes, and not put there lately.
pub fn is_system_image(process: &Process) -> bool {
    !is_foreign(process)
        && process.image.flags & ImageFlag::Writable as u32 == 0
        && is_in_system_directory(process)
}

/// Where packages put their programs. It may have come lately: a package that was installed a minute ago is one as well.
pub fn may_be_packaged(process: &Process) -> bool {
    let amiss = (FOREIGN & !(ImageFlag::New as u32)) | ImageFlag::Writable as u32;
    process.image.flags & amiss == 0 && is_in_system_directory(process)
}

pub fn is_in_system_directory(process: &Process) -> bool {
    is_system_path(&process.image.path)
}

pub fn is_system_path(path: &[u8]) -> bool {
    SYSTEM_DIRECTORIES
        .iter()
        .any(|directory| path.starts_with(directory))
}

/// `sh` and its kin. Debian's busybox runs applets without an exec of their own, so its arguments are looked at too.
pub fn is_shell(process: &Process) -> bool {
    let name = image_name(process);
    is_one_of(name, &SHELLS)
        || (name == b"busybox" && is_one_of(applet(&process.image.command_line), &SHELLS))
}

/// The applet a busybox command line asks for: `busybox sh -i`, or `sh -i` through a link.
fn applet(command_line: &[u8]) -> &[u8] {
    let mut words = command_line.split(|&byte| byte == b' ').map(base_name);
    match words.next() {
        Some(b"busybox") => words.next().unwrap_or_default(),
        first => first.map_or(b"", |name| name.strip_prefix(b"-").unwrap_or(name)),
    }
}

pub fn is_interpreter(process: &Process) -> bool {
    let name = image_name(process);
    is_one_of(name, &INTERPRETERS) || is_one_of(without_version(name), &INTERPRETERS)
}

/// Known for making code at run time. By name: who takes it must also be what such a program is.
pub fn is_compiling_runtime(process: &Process) -> bool {
    let name = image_name(process);
    is_interpreter(process) || is_one_of(without_version(name), &COMPILERS) || name.starts_with(b"qemu-")
}

/// Programs whose provenance proves nothing: they do what a script or their parent says.
pub fn does_as_told(process: &Process) -> bool {
    let name = image_name(process);
    is_shell(process) || is_interpreter(process) || is_one_of(name, &CARRIERS) || is_one_of(name, &WRITERS)
}

/// Whatever it puts somewhere, somebody else wrote.
pub fn is_copier(process: &Process) -> bool {
    let name = image_name(process);
    is_one_of(name, &CARRIERS) || is_one_of(name, &COPIERS) || is_one_of(name, &BRINGERS)
}

/// Makes of a file, or of another's file, what is the same but for its form. Not who puts files into archives with a password.
pub fn keeps_content(process: &Process) -> bool {
    let name = image_name(process);
    is_one_of(name, &COMPRESSORS) || (is_copier(process) && !name.starts_with(b"7z"))
}

/// A container runtime of the host itself.
pub fn is_runtime(process: &Process) -> bool {
    process.container.is_none() && is_one_of(image_name(process), &RUNTIMES) && is_system_image(process)
}

/// Whether a program's file is called as one.
pub fn has_runtime_name(path: &[u8]) -> bool {
    is_one_of(base_name(path), &RUNTIMES)
}

/// Takes its name from a list, so it must also lie where only an administrator puts programs.
pub fn is_manager(process: &Process) -> bool {
    (process.pid == 1 && process.container.is_none())
        || (is_one_of(image_name(process), &MANAGERS) && is_system_image(process))
}

/// Who made a change. A change is often told of when its author has ended already, and then by pid only.
pub fn author(change: &ContentChange, processes: &ProcessTable) -> Option<ProcessIndex> {
    if let Some(index) = change.process.and_then(|uid| processes.by_uid(uid)) {
        return Some(index);
    }
    let was_there = |process: &Process| {
        process.start_time_ns <= change.time_ns
            && process
                .end_time_ns
                .is_none_or(|end| end + REPORT_LAG_NS >= change.time_ns)
    };
    let running = processes
        .by_pid(change.pid)
        .filter(|&index| processes.get(index).is_some_and(was_there));
    running.or_else(|| {
        let ended = processes
            .iter()
            .filter(|(_, process)| process.pid == change.pid && was_there(process));
        ended
            .max_by_key(|(_, process)| process.start_time_ns)
            .map(|(index, _)| index)
    })
}

/// The process and its ancestors by original creator, lowest first, that may be blamed for what it did: those in the same
/// container, below any manager and below `guarded` pids (the agent's own). The process itself is always in it.
pub fn chain(processes: &ProcessTable, index: ProcessIndex, guarded: &[u32]) -> Vec<ProcessIndex> {
    let mut chain = vec![index];
    let Some(first) = processes.get(index) else {
        return chain;
    };
    let mut current = index;
    while let Some(next) = processes.parent(current) {
        let Some(parent) = processes.get(next) else { break };
        let outside =
            parent.container != first.container || is_manager(parent) || guarded.contains(&parent.pid);
        if outside || chain.len() >= CHAIN_MAX || chain.contains(&next) {
            break;
        }
        chain.push(next);
        current = next;
    }
    chain
}

/// Pids of the process, of what it created, and of those that its own creator started for the same work.
pub fn hands(processes: &ProcessTable, index: ProcessIndex) -> Vec<u32> {
    let Some(first) = processes.get(index) else {
        return Vec::new();
    };
    let is_sibling =
        |other: &Process| other.parent_uid == first.parent_uid && other.image.path == first.image.path;
    let living = processes
        .iter()
        .filter(|(_, other)| other.end_time_ns.is_none())
        .map(|(_, other)| other);
    living
        .filter(|other| other.uid == first.uid || other.parent_uid == first.uid || is_sibling(other))
        .map(|other| other.pid)
        .collect()
}
