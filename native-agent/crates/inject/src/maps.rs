//! A process as /proc shows it: its memory map and its status.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use norn_os::process::Status;

use crate::error::Blind;

/// Maps of more lines are not read to their end; a process that has them is not hooked.
const MAP_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub start: u64,
    pub end: u64,
    pub executable: bool,
    pub writable: bool,
    pub offset: u64,
    pub inode: u64,
    pub path: String,
}

pub fn read(pid: i32) -> Result<Vec<Mapping>, Blind> {
    let text =
        fs::read_to_string(format!("/proc/{pid}/maps")).map_err(|error| match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Blind::NotAllowed { pid },
            _ => Blind::Gone { pid },
        })?;
    if text.len() > MAP_BYTES_MAX {
        return Err(Blind::NoRoom { pid });
    }
    Ok(text.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?.as_bytes();
    let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        executable: permissions.get(2) == Some(&b'x'),
        writable: permissions.get(1) == Some(&b'w'),
        offset,
        inode,
        path: fields.next().unwrap_or("").trim_start().to_owned(),
    })
}

/// The file that a mapping is of. By the map itself where that is allowed, which also finds files that are gone by name; else by name.
pub fn file_of(pid: i32, mapping: &Mapping) -> Option<PathBuf> {
    let by_map = PathBuf::from(format!(
        "/proc/{pid}/map_files/{:x}-{:x}",
        mapping.start, mapping.end
    ));
    let by_name = PathBuf::from(format!("/proc/{pid}/root{}", mapping.path));
    [by_map, by_name]
        .into_iter()
        .find(|path| fs::metadata(path).is_ok_and(|found| found.ino() == mapping.inode))
}

/// One line of /proc/PID/status, without its name.
pub fn status(pid: i32, name: &str) -> Option<String> {
    Status::of(pid.try_into().ok()?)?.line(name).map(str::to_owned)
}

pub fn status_number(pid: i32, name: &str) -> Option<u64> {
    Status::of(pid.try_into().ok()?)?.number(name)
}

/// An address where `bytes` are free, as near as can be to everything between `low` and `high`; below first, where the loader puts nothing.
pub fn gap(maps: &[Mapping], (low, high): (u64, u64), bytes: u64) -> Option<u64> {
    const REACH: u64 = 1 << 30;
    const LOWEST: u64 = 1 << 20;
    let ends = std::iter::once(LOWEST).chain(maps.iter().map(|mapping| mapping.end));
    let starts = maps
        .iter()
        .map(|mapping| mapping.start)
        .filter(|start| *start < 1 << 47)
        .chain(std::iter::once(1 << 47));
    let gaps: Vec<(u64, u64)> = ends
        .zip(starts)
        .filter(|(from, to)| to.saturating_sub(*from) >= bytes + 2 * 4096)
        .collect();
    let below = gaps
        .iter()
        .rev()
        .find(|(_, to)| *to <= low)
        .map(|(_, to)| to - 4096 - bytes);
    let above = gaps
        .iter()
        .find(|(from, _)| *from >= high)
        .map(|(from, _)| from + 4096);
    below
        .filter(|at| high - at < REACH)
        .or(above.filter(|at| at + bytes - low < REACH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_map_is_read_with_a_path_that_has_spaces() {
        let line = "7f0000001000-7f0000002000 r-xp 00001000 08:01 77                         /a b/libc.so.6 (deleted)";
        let mapping = parse(line).unwrap();
        assert_eq!(
            (mapping.start, mapping.end, mapping.inode),
            (0x7f00_0000_1000, 0x7f00_0000_2000, 77)
        );
        assert!(mapping.executable && !mapping.writable);
        assert_eq!(mapping.path, "/a b/libc.so.6 (deleted)");
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn a_gap_is_near_and_touches_nothing() {
        let line = |start: u64, end: u64| parse(&format!("{start:x}-{end:x} r-xp 0 0:0 0 /x")).unwrap();
        let maps = [
            line(0x40_0000, 0x50_0000),
            line(0x7000_0000, 0x7001_0000),
            line(0x7001_0000, 0x7002_0000),
        ];
        let at = gap(&maps, (0x7000_0000, 0x7002_0000), 0x3000).unwrap();
        assert_eq!(at, 0x7000_0000 - 0x4000);
        assert_eq!(
            gap(&[line(0x10_0000, 1 << 47)], (0x20_0000, 0x30_0000), 0x3000),
            None
        );
    }
}
