//! What /proc knows of a process and the kernel's iterator does not say, or could not.
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use norn_events::{Capabilities, Credentials, Image};
use norn_os::process;

use crate::environment;
use crate::text::join_arguments;

/// Longest command line, bytes.
const COMMAND_LINE_BYTES_MAX: usize = 4096;

#[derive(Debug, Clone, Copy, Default)]
pub struct Status {
    pub parent_pid: u32,
    pub namespace_pid: u32,
}

fn of(pid: u32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

pub fn read_status(pid: u32) -> Option<Status> {
    let status = process::Status::of(pid)?;
    Some(Status {
        parent_pid: status.number("PPid")?,
        namespace_pid: status.namespace_pid()?,
    })
}

/// The process that this descriptor of `pid` stands for, as the host counts it.
pub fn read_pidfd(pid: u32, descriptor: i32) -> Option<u32> {
    let about = fs::read_to_string(of(pid, &format!("fdinfo/{descriptor}"))).ok()?;
    let line = about.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    line.trim().parse().ok()
}

/// Empty when the process is gone.
pub fn read_command_line(pid: u32) -> Vec<u8> {
    let mut line = Vec::new();
    let arguments = fs::read(of(pid, "cmdline")).unwrap_or_default();
    join_arguments(
        &mut line,
        &arguments[..arguments.len().min(COMMAND_LINE_BYTES_MAX)],
    );
    line
}

/// What is chosen of it; empty when the process is gone.
pub fn read_environment(pid: u32) -> Vec<u8> {
    let mut chosen = Vec::new();
    environment::choose(&mut chosen, &fs::read(of(pid, "environ")).unwrap_or_default());
    chosen
}

/// As far as it can be read; empty when the process is gone.
pub fn read_image(pid: u32) -> Image {
    let link = |file| {
        fs::read_link(of(pid, file))
            .map(|path| path.into_os_string().into_vec())
            .unwrap_or_default()
    };
    Image {
        path: link("exe"),
        command_line: read_command_line(pid),
        working_directory: link("cwd"),
        environment: read_environment(pid),
        ..Image::default()
    }
}

/// Of a running process, as far as they can be read; nobody's when the process is gone.
pub fn read_credentials(pid: u32) -> Credentials {
    let number = |file| {
        let text = fs::read_to_string(of(pid, file)).ok()?;
        text.trim().parse().ok()
    };
    Credentials {
        login_user_id: number("loginuid").unwrap_or(Credentials::NOBODY),
        session_id: number("sessionid").unwrap_or(Credentials::NOBODY),
        terminal: read_terminal(pid).unwrap_or_default(),
        capabilities: read_capabilities(pid).unwrap_or_default(),
    }
}

/// Zeros in a user namespace that has not all users: it is not the first.
fn read_capabilities(pid: u32) -> Option<Capabilities> {
    const ALL_USERS: [&str; 3] = ["0", "0", "4294967295"];
    let users = fs::read_to_string(of(pid, "uid_map")).ok()?;
    if !users.split_whitespace().eq(ALL_USERS) {
        return None;
    }
    let status = process::Status::of(pid)?;
    let set = |name| u64::from_str_radix(status.line(name)?, 16).ok();
    Some(Capabilities {
        effective: set("CapEff")?,
        permitted: set("CapPrm")?,
        inheritable: set("CapInh")?,
        ambient: set("CapAmb")?,
        bounding: set("CapBnd")?,
    })
}

/// By the number of its device.
fn read_terminal(pid: u32) -> Option<[u8; Credentials::TERMINAL_BYTES]> {
    let name = terminal_name(process::Stat::of(pid)?.terminal)?;
    let mut terminal = [0; Credentials::TERMINAL_BYTES];
    terminal.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(terminal)
}

/// As the kernel calls it: "pts3", "ttyS0". Pseudo terminals are not in sysfs: there are eight majors of them.
fn terminal_name(device: u32) -> Option<String> {
    const PTS_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    if device == 0 {
        return None;
    }
    if PTS_MAJORS.contains(&major) {
        return Some(format!("pts{}", (major - PTS_MAJORS.start()) * 256 + minor));
    }
    let told = fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?;
    let name = told.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_the_name_of_its_device() {
        assert_eq!(terminal_name(0), None);
        assert_eq!(terminal_name(136 << 8 | 3), Some("pts3".to_owned()));
        assert_eq!(terminal_name(137 << 8 | 1), Some("pts257".to_owned()));
        assert_eq!(terminal_name(4 << 8 | 1), Some("tty1".to_owned()));
    }

    #[test]
    fn a_process_may_do_no_more_than_its_bounding_set_leaves() {
        let own = read_credentials(std::process::id()).capabilities;
        assert_ne!(own.bounding, 0);
        assert_eq!(own.permitted & !own.bounding, 0);
        assert_eq!(read_credentials(u32::MAX), Credentials::default());
    }
}
