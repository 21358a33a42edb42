//! What is mapped where in a process, and where that came from.
use std::ops::Range;

/// Regions kept of one process; a database with more has them in libraries all the same.
const REGIONS_MAX: usize = 65_536;
/// Path of a region, bytes.
const PATH_MAX: usize = 4_096;

/// Where a region's content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A file that has its name still.
    File,
    /// A file whose name is gone, or stands for another file by now.
    Deleted,
    /// Memory that looks like a file.
    Memfd,
    /// The main thread's stack.
    Stack,
    Heap,
    Anonymous,
    /// The kernel's own: vdso, vsyscall, uprobes.
    Kernel,
    /// Nothing is mapped there.
    Nothing,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Deleted => "deleted file",
            Self::Memfd => "memfd",
            Self::Stack => "stack",
            Self::Heap => "heap",
            Self::Anonymous => "anonymous memory",
            Self::Kernel => "kernel",
            Self::Nothing => "nothing mapped",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    pub range: Range<u64>,
    pub writable: bool,
    pub executable: bool,
    pub origin: Origin,
    /// Of a file, without "(deleted)"; else the kernel's word in brackets, or nothing.
    pub path: Vec<u8>,
    /// What is mapped; `None` for memory that is no file.
    pub file: Option<FileId>,
}

/// A file on this host, whatever it is called: the device as stat(2) has it, and the inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    pub device: u64,
    pub inode: u64,
}

impl Region {
    /// `7f00-7f80 rwx anonymous memory`.
    pub fn describe(&self) -> String {
        let flag = |is_set: bool, letter: char| if is_set { letter } else { '-' };
        let Range { start, end } = self.range;
        let (w, x) = (flag(self.writable, 'w'), flag(self.executable, 'x'));
        let path = String::from_utf8_lossy(&self.path);
        let text = format!("{start:x}-{end:x} r{w}{x} {} {path}", self.origin.name());
        text.trim_end().to_owned()
    }
}

/// The regions of a process, in the order of their addresses.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    regions: Vec<Region>,
}

impl Memory {
    /// `maps` as in /proc/<pid>/maps.
    pub fn parse(maps: &[u8]) -> Self {
        let lines = maps.split(|&byte| byte == b'\n').take(REGIONS_MAX);
        let mut regions: Vec<Region> = lines.filter_map(region).collect();
        name_stack(&mut regions);
        Self { regions }
    }

    pub fn at(&self, address: u64) -> Option<&Region> {
        let next = self.regions.partition_point(|region| region.range.end <= address);
        self.regions
            .get(next)
            .filter(|region| region.range.contains(&address))
    }

    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// A region of a file with this in the last component of its path.
    pub fn has_file_like(&self, part: &[u8]) -> bool {
        self.regions.iter().any(|region| {
            let name = region.path.rsplit(|&byte| byte == b'/').next().unwrap_or(&[]);
            name.windows(part.len()).any(|window| window == part)
        })
    }
}

/// The kernel gives the stack's name to its upper end only, when a part of it has other rights.
fn name_stack(regions: &mut [Region]) {
    let Some(named) = regions.iter().position(|region| region.origin == Origin::Stack) else {
        return;
    };
    for at in (0..named).rev() {
        let joins = regions[at].range.end == regions[at + 1].range.start;
        if !joins || regions[at].origin != Origin::Anonymous {
            return;
        }
        regions[at].origin = Origin::Stack;
    }
}

/// `start-end perms offset dev inode path`.
fn region(line: &[u8]) -> Option<Region> {
    let mut words = line.splitn(6, |&byte| byte == b' ');
    let mut word = || words.next();
    let (addresses, permissions) = (word()?, word()?);
    let (_offset, device, inode) = (word()?, word()?, word()?);
    let path = word().unwrap_or_default().trim_ascii_start();
    let addresses = std::str::from_utf8(addresses).ok()?;
    let (start, end) = addresses.split_once('-')?;
    let (origin, path) = origin(path, inode != b"0");
    let file = file(device, inode);
    Some(Region {
        range: u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?,
        writable: permissions.get(1) == Some(&b'w'),
        executable: permissions.get(2) == Some(&b'x'),
        origin,
        path: path[..path.len().min(PATH_MAX)].to_vec(),
        file,
    })
}

/// `major:minor` in hex, and a number.
fn file(device: &[u8], inode: &[u8]) -> Option<FileId> {
    let (major, minor) = std::str::from_utf8(device).ok()?.split_once(':')?;
    let hex = |text| u32::from_str_radix(text, 16).ok();
    let inode = std::str::from_utf8(inode)
        .ok()?
        .parse()
        .ok()
        .filter(|&inode| inode != 0)?;
    Some(FileId {
        device: libc::makedev(hex(major)?, hex(minor)?),
        inode,
    })
}

fn origin(path: &[u8], has_inode: bool) -> (Origin, &[u8]) {
    if !has_inode {
        let origin = match path {
            b"[stack]" => Origin::Stack,
            b"[heap]" => Origin::Heap,
            b"[vdso]" | b"[vvar]" | b"[vvar_vclock]" | b"[vsyscall]" | b"[uprobes]" => Origin::Kernel,
            _ => Origin::Anonymous,
        };
        return (origin, path);
    }
    match path.strip_suffix(b" (deleted)") {
        Some(path) if path.starts_with(b"/memfd:") => (Origin::Memfd, &path[1..]),
        // Memory that several processes share is a file of the kernel's own.
        Some(b"/dev/zero") => (Origin::Anonymous, b""),
        Some(path) if path.starts_with(b"/SYSV") => (Origin::Anonymous, path),
        Some(path) => (Origin::Deleted, path),
        None => (Origin::File, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &[u8] = b"55d0c0a00000-55d0c0a21000 r-xp 00001000 fe:00 131 /usr/bin/a b
55d0c1a00000-55d0c1a21000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000010000 rwxp 00000000 00:00 0 
7f0000020000-7f0000030000 r-xp 00000000 00:01 5 /memfd:update (deleted)
7f0000040000-7f0000050000 r-xp 00000000 fe:00 77 /tmp/x.so (deleted)
7f0000060000-7f0000070000 rw-s 00000000 00:01 9 /dev/zero (deleted)
7ffc00000000-7ffc00021000 rwxp 00000000 00:00 0 [stack]
7ffc00030000-7ffc00032000 r-xp 00000000 00:00 0 [vdso]
";

    #[test]
    fn each_region_is_known_by_where_it_came_from() {
        let memory = Memory::parse(MAPS);
        let origin = |address: u64| memory.at(address).map(|region| region.origin);
        assert_eq!(origin(0x55d0_c0a0_0010), Some(Origin::File));
        assert_eq!(origin(0x55d0_c1a0_0010), Some(Origin::Heap));
        assert_eq!(origin(0x7f00_0000_0000), Some(Origin::Anonymous));
        assert_eq!(origin(0x7f00_0002_0000), Some(Origin::Memfd));
        assert_eq!(origin(0x7f00_0004_ffff), Some(Origin::Deleted));
        assert_eq!(origin(0x7f00_0006_0000), Some(Origin::Anonymous));
        assert_eq!(origin(0x7ffc_0000_0000), Some(Origin::Stack));
        assert_eq!(origin(0x7ffc_0003_0000), Some(Origin::Kernel));
        assert_eq!(origin(0x7f00_0001_0000), None, "the end is not part of a region");
    }

    #[test]
    fn a_part_of_the_stack_with_other_rights_is_stack() {
        let maps = b"7ffb00000000-7ffb00001000 rwxp 00000000 00:00 0
7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0
7ffc00001000-7ffc00002000 rwxp 00000000 00:00 0
7ffc00002000-7ffc00004000 rw-p 00000000 00:00 0 [stack]
";
        let memory = Memory::parse(maps);
        let origins: Vec<Origin> = memory.regions().iter().map(|region| region.origin).collect();
        let stack = Origin::Stack;
        assert_eq!(origins, [Origin::Anonymous, stack, stack, stack]);
    }

    #[test]
    fn a_region_says_what_may_be_done_there() {
        let memory = Memory::parse(MAPS);
        let text = |address: u64| memory.at(address).unwrap().describe();
        assert_eq!(
            text(0x7f00_0000_0000),
            "7f0000000000-7f0000010000 rwx anonymous memory"
        );
        assert!(text(0x7f00_0002_0000).ends_with("r-x memfd memfd:update"));
        assert!(text(0x55d0_c0a0_0010).ends_with("file /usr/bin/a b"));
    }

    #[test]
    fn a_region_of_a_file_names_it_as_stat_does() {
        let own = std::fs::File::open("/proc/self/exe").unwrap();
        let found = std::os::unix::fs::MetadataExt::ino(&own.metadata().unwrap());
        let memory = Memory::parse(&std::fs::read("/proc/self/maps").unwrap());
        let here = memory.at(file as *const () as u64).unwrap();
        let device = std::os::unix::fs::MetadataExt::dev(&own.metadata().unwrap());
        assert_eq!(here.file, Some(FileId { device, inode: found }));
        assert_eq!(Memory::parse(MAPS).at(0x7f00_0000_0000).unwrap().file, None);
    }

    #[test]
    fn what_is_no_map_is_left_out() {
        assert!(Memory::parse(b"nonsense\n1-2\n\n").regions().is_empty());
    }
}
