//! What /proc knows of a process and the kernel's iterator does not say, or could not.
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use norn_events::Image;

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
    let text = fs::read_to_string(of(pid, "status")).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    Some(Status {
        parent_pid: field("PPid:")?.trim().parse().ok()?,
        namespace_pid: field("NSpid:")?.split_whitespace().last()?.parse().ok()?,
    })
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
