//! What a waiting call means: read from its arguments, written down with its pre-image, told to whoever observes.
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::unistd::{AccessFlags, access};
use norn_events::{ChangeKind, EventKind, Image, ProcessIndex};
use norn_os::process;

use crate::application::Application;
use crate::deeds::Actor;
use crate::listener::Waiting;
use crate::preimage::Stamp;
use crate::said::{Said, Tell};
use crate::target::{Place, Target, peer};

const HERE: u64 = libc::AT_FDCWD as u64;
const WRITES: u64 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u64;
const DIRECTORY: u32 = 1;
const SYMBOLIC: u32 = 1;
/// Of a socket's address.
const ADDRESS_BYTES_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 256;
/// Requests that take hold of another process, `linux/ptrace.h`.
const TAKES_HOLD: [u64; 2] = [16, 0x4206];
/// First bytes of a script, for its interpreter.
const SCRIPT_HEAD_BYTES: usize = 256;

/// A call, who makes it, and where its memory is.
pub struct Call<'a> {
    pub by: ProcessIndex,
    pub actor: &'a Actor,
    pub target: Target,
    pub number: i64,
    pub arguments: [u64; 6],
}

impl<'a> Call<'a> {
    pub fn new(waiting: &Waiting, by: ProcessIndex, actor: &'a Actor) -> Self {
        Self {
            by,
            actor,
            target: Target(waiting.thread),
            number: waiting.number,
            arguments: waiting.arguments,
        }
    }

    fn place(&self, directory: Option<usize>, path: usize) -> Option<Place> {
        let directory = directory.map_or(HERE, |at| self.arguments[at]);
        self.target.place(directory, self.arguments[path])
    }
}

impl Application {
    /// `None`: the caller's memory could not be read, or the call means nothing here.
    pub fn act(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) -> Option<()> {
        let a = call.arguments;
        match call.number {
            libc::SYS_openat => self.open(call, (call.place(Some(0), 1)?, a[2], a[3]), tell),
            libc::SYS_openat2 => {
                let mut how = [0; 24];
                call.target.read(a[2], &mut how)?;
                let word = |at: usize| u64::from_le_bytes(how[at..at + 8].try_into().unwrap_or_default());
                if word(0) & WRITES != 0 {
                    let place = match word(16) & libc::RESOLVE_IN_ROOT {
                        0 => call.place(Some(0), 1)?,
                        _ => call.target.place_within(a[0], a[1])?,
                    };
                    self.open(call, (place, word(0), word(8)), tell);
                }
            }
            libc::SYS_truncate => self.truncate(call, call.place(None, 0)?, tell),
            libc::SYS_unlinkat => {
                let is_directory = a[2] as i32 & libc::AT_REMOVEDIR != 0;
                self.unlink(call, (call.place(Some(0), 1)?, is_directory), tell);
            }
            libc::SYS_renameat | libc::SYS_renameat2 => {
                let flags = if call.number == libc::SYS_renameat2 {
                    a[4] as u32
                } else {
                    0
                };
                let places = (call.place(Some(0), 1)?, call.place(Some(2), 3)?);
                self.rename(call, places, (flags, tell));
            }
            libc::SYS_linkat => {
                let places = (call.place(Some(2), 3)?, call.place(Some(0), 1)?);
                self.link(call, (places.0, places.1.bytes(), 0), tell);
            }
            libc::SYS_symlinkat => {
                let text = call.target.text(a[0], libc::PATH_MAX as usize)?;
                self.link(call, (call.place(Some(1), 2)?, &text, SYMBOLIC), tell);
            }
            libc::SYS_mkdirat => self.make_directory(call, (call.place(Some(0), 1)?, a[2]), tell),
            libc::SYS_mknodat => drop(self.create(call, &call.place(Some(0), 1)?)),
            libc::SYS_exit_group => self.exit(call, tell),
            libc::SYS_execve => self.exec(call, (call.place(None, 0)?, a[1]), tell)?,
            libc::SYS_execveat => self.exec(call, (call.place(Some(0), 1)?, a[2]), tell)?,
            _ => return self.act_on_attributes(call, tell),
        }
        Some(())
    }

    fn act_on_attributes(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) -> Option<()> {
        let a = call.arguments;
        let mode = |at: usize| (EventKind::FileChmod, a[at] & 0o7777);
        let owner = |at: usize| {
            (
                EventKind::FileChown,
                (a[at] & 0xffff_ffff) << 32 | a[at + 1] & 0xffff_ffff,
            )
        };
        let (place, said) = match call.number {
            libc::SYS_fchmod => (call.target.of_descriptor(a[0])?, Some(mode(1))),
            libc::SYS_fchmodat | libc::SYS_fchmodat2 => (call.place(Some(0), 1)?.followed(), Some(mode(2))),
            libc::SYS_fchown => (call.target.of_descriptor(a[0])?, Some(owner(1))),
            libc::SYS_fchownat => (call.place(Some(0), 1)?, Some(owner(2))),
            libc::SYS_setxattr | libc::SYS_removexattr => (call.place(None, 0)?.followed(), None),
            libc::SYS_lsetxattr | libc::SYS_lremovexattr => (call.place(None, 0)?, None),
            libc::SYS_fsetxattr | libc::SYS_fremovexattr => (call.target.of_descriptor(a[0])?, None),
            // Without a path: the descriptor's own times.
            libc::SYS_utimensat if a[1] == 0 => (call.target.of_descriptor(a[0])?, None),
            libc::SYS_utimensat if a[3] as i32 & libc::AT_SYMLINK_NOFOLLOW != 0 => {
                (call.place(Some(0), 1)?, None)
            }
            libc::SYS_utimensat => (call.place(Some(0), 1)?.followed(), None),
            _ => return self.act_on_others(call, tell),
        };
        self.set_attributes(call, (&place, said), tell);
        Some(())
    }

    fn act_on_others(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) -> Option<()> {
        let a = call.arguments;
        match call.number {
            libc::SYS_connect | libc::SYS_bind => self.connect(call, tell)?,
            libc::SYS_listen => self.listen(call, tell),
            libc::SYS_dup3 => self.join_standard(call, tell),
            libc::SYS_memfd_create => {
                let name = call.target.text(a[0], NAME_BYTES_MAX)?;
                let said = Said::of(EventKind::MemfdCreate).path(&name).flags(a[1] as u32);
                self.tell(call.by, said, tell);
            }
            libc::SYS_ptrace if TAKES_HOLD.contains(&a[0]) => {
                let said = Said::of(EventKind::Ptrace).flags(a[0] as u32).value(a[1]);
                self.tell(call.by, said, tell);
            }
            libc::SYS_process_vm_writev => {
                self.tell(call.by, Said::of(EventKind::ProcessWrite).value(a[0]), tell);
            }
            _ => return self.act_by_old_number(call, tell),
        }
        Some(())
    }

    /// Calls that only x86-64 has.
    #[cfg(target_arch = "x86_64")]
    fn act_by_old_number(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) -> Option<()> {
        const CREATES: u64 = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u64;
        let a = call.arguments;
        let owner = (a[1] & 0xffff_ffff) << 32 | a[2] & 0xffff_ffff;
        match call.number {
            libc::SYS_open => self.open(call, (call.place(None, 0)?, a[1], a[2]), tell),
            libc::SYS_creat => self.open(call, (call.place(None, 0)?, CREATES, a[1]), tell),
            libc::SYS_unlink => self.unlink(call, (call.place(None, 0)?, false), tell),
            libc::SYS_rmdir => self.unlink(call, (call.place(None, 0)?, true), tell),
            libc::SYS_rename => {
                let places = (call.place(None, 0)?, call.place(None, 1)?);
                self.rename(call, places, (0, tell));
            }
            libc::SYS_link => {
                let old = call.place(None, 0)?;
                self.link(call, (call.place(None, 1)?, old.bytes(), 0), tell);
            }
            libc::SYS_symlink => {
                let text = call.target.text(a[0], libc::PATH_MAX as usize)?;
                self.link(call, (call.place(None, 1)?, &text, SYMBOLIC), tell);
            }
            libc::SYS_mkdir => self.make_directory(call, (call.place(None, 0)?, a[1]), tell),
            libc::SYS_mknod => drop(self.create(call, &call.place(None, 0)?)),
            libc::SYS_utime | libc::SYS_utimes => {
                self.set_attributes(call, (&call.place(None, 0)?.followed(), None), tell);
            }
            libc::SYS_futimesat => {
                self.set_attributes(call, (&call.place(Some(0), 1)?.followed(), None), tell);
            }
            libc::SYS_chmod => {
                let said = Some((EventKind::FileChmod, a[1] & 0o7777));
                self.set_attributes(call, (&call.place(None, 0)?.followed(), said), tell);
            }
            libc::SYS_chown => {
                let said = Some((EventKind::FileChown, owner));
                self.set_attributes(call, (&call.place(None, 0)?.followed(), said), tell);
            }
            libc::SYS_lchown => {
                let said = Some((EventKind::FileChown, owner));
                self.set_attributes(call, (&call.place(None, 0)?, said), tell);
            }
            libc::SYS_dup2 => self.join_standard(call, tell),
            _ => {}
        }
        Some(())
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn act_by_old_number(&mut self, _call: &Call<'_>, _tell: &mut Tell<'_, '_>) -> Option<()> {
        Some(())
    }

    fn open(&mut self, call: &Call<'_>, (place, flags, mode): (Place, u64, u64), tell: &mut Tell<'_, '_>) {
        let follows = flags & libc::O_NOFOLLOW as u64 == 0;
        let place = if follows { place.followed() } else { place };
        let mut records = self.vault.lock();
        if !records.protects(&place.real) {
            return;
        }
        let metadata = fs::symlink_metadata(&place.real).ok();
        match metadata {
            Some(found) if found.is_file() => {
                if let Some(pre) = records.deeds.written(call.actor, &place.real) {
                    let expected = (ChangeKind::Overwritten, pre.shape);
                    records.changes.expect(call.actor, &place, expected);
                }
            }
            Some(_) => return,
            None if flags & libc::O_CREAT as u64 != 0 => {
                records.deeds.created(call.actor, &place.real);
                records
                    .changes
                    .expect(call.actor, &place, (ChangeKind::Created, None));
            }
            None => return,
        }
        drop(records);
        let value = if flags & libc::O_CREAT as u64 != 0 {
            mode
        } else {
            0
        };
        let said = Said::of(EventKind::FileOpen)
            .path(place.bytes())
            .flags(flags as u32);
        self.tell(call.by, said.value(value), tell);
    }

    fn truncate(&mut self, call: &Call<'_>, place: Place, tell: &mut Tell<'_, '_>) {
        let place = place.followed();
        let mut records = self.vault.lock();
        let is_file = fs::symlink_metadata(&place.real).is_ok_and(|found| found.is_file());
        if !is_file || !records.protects(&place.real) {
            return;
        }
        if let Some(pre) = records.deeds.written(call.actor, &place.real) {
            let expected = (ChangeKind::Overwritten, pre.shape);
            records.changes.expect(call.actor, &place, expected);
        }
        drop(records);
        let said = Said::of(EventKind::FileTruncate).path(place.bytes());
        self.tell(call.by, said.value(call.arguments[1]), tell);
    }

    fn unlink(&mut self, call: &Call<'_>, (place, directory): (Place, bool), tell: &mut Tell<'_, '_>) {
        let mut records = self.vault.lock();
        let found = fs::symlink_metadata(&place.real)
            .ok()
            .filter(|found| found.is_dir() == directory);
        let is_emptied = || fs::read_dir(&place.real).is_ok_and(|mut entries| entries.next().is_none());
        let Some(found) = found.filter(|_| !directory || is_emptied()) else {
            return;
        };
        if records.protects(&place.real) {
            let pre = records.deeds.removed(call.actor, &place.real);
            if found.is_file() {
                let before = pre.and_then(|pre| pre.shape);
                records
                    .changes
                    .expect(call.actor, &place, (ChangeKind::Unlinked, before));
            }
        }
        drop(records);
        let flags = if directory { DIRECTORY } else { 0 };
        let said = Said::of(EventKind::FileUnlink).path(place.bytes()).flags(flags);
        self.tell(call.by, said, tell);
    }

    fn rename(
        &mut self,
        call: &Call<'_>,
        (from, to): (Place, Place),
        (flags, tell): (u32, &mut Tell<'_, '_>),
    ) {
        let mut records = self.vault.lock();
        let is_refused = flags & libc::RENAME_NOREPLACE != 0 && Stamp::at(&to.real).is_some();
        if is_refused || Stamp::at(&from.real).is_none() {
            return;
        }
        if records.protects(&from.real) || records.protects(&to.real) {
            let exchange = flags & libc::RENAME_EXCHANGE != 0;
            let (from, place) = (&from.real, &to);
            if let Some(pre) = records.deeds.renamed(call.actor, (from, &place.real), exchange) {
                let expected = (ChangeKind::Replaced, pre.shape);
                records.changes.expect(call.actor, place, expected);
            }
        }
        drop(records);
        let said = Said::of(EventKind::FileRename)
            .path(from.bytes())
            .target(to.bytes());
        self.tell(call.by, said.flags(flags), tell);
    }

    fn link(&mut self, call: &Call<'_>, (new, old, flags): (Place, &[u8], u32), tell: &mut Tell<'_, '_>) {
        if !self.create(call, &new) {
            return;
        }
        let said = Said::of(EventKind::FileLink).path(new.bytes()).target(old);
        self.tell(call.by, said.flags(flags), tell);
    }

    fn make_directory(&mut self, call: &Call<'_>, (place, mode): (Place, u64), tell: &mut Tell<'_, '_>) {
        if self.create(call, &place) {
            let said = Said::of(EventKind::FileMkdir).path(place.bytes()).value(mode);
            self.tell(call.by, said, tell);
        }
    }

    /// False when the name is taken: the call is going to fail.
    fn create(&mut self, call: &Call<'_>, place: &Place) -> bool {
        let mut records = self.vault.lock();
        let is_free = Stamp::at(&place.real).is_none();
        if is_free && records.protects(&place.real) {
            records.deeds.created(call.actor, &place.real);
        }
        is_free
    }

    fn set_attributes(
        &mut self,
        call: &Call<'_>,
        (place, said): (&Place, Option<(EventKind, u64)>),
        tell: &mut Tell<'_, '_>,
    ) {
        let mut records = self.vault.lock();
        if records.protects(&place.real) {
            records.deeds.attributes(call.actor, &place.real);
        }
        drop(records);
        if let Some((kind, value)) = said {
            self.tell(call.by, Said::of(kind).path(place.bytes()).value(value), tell);
        }
    }

    /// Told of before the program runs: what it is going to be is known from its file.
    fn exec(&mut self, call: &Call<'_>, (place, list): (Place, u64), tell: &mut Tell<'_, '_>) -> Option<()> {
        let place = place.followed();
        // A descriptor's link leads to what it is open on, also where that has no name any more.
        let seen = match place.real.starts_with("/proc") {
            true => fs::read_link(&place.real).unwrap_or_else(|_| place.seen.clone()),
            false => place.seen.clone(),
        };
        let is_file = fs::metadata(&place.real).is_ok_and(|found| found.is_file());
        if !is_file || access(&place.real, AccessFlags::X_OK).is_err() {
            return Some(());
        }
        let file = interpreter(&place.real).map(|path| self.family.image(Path::new(&path), Path::new(&path)));
        let image = Image {
            command_line: call.target.arguments(list),
            working_directory: call
                .target
                .working_directory()
                .map(|directory| directory.as_os_str().as_bytes().to_vec())
                .unwrap_or_default(),
            ..file.unwrap_or_else(|| self.family.image(&seen, &place.real))
        };
        self.family.exec(call.by, image);
        let said = Said::of(EventKind::Exec).path(place.bytes());
        self.tell(call.by, said, tell);
        Some(())
    }

    fn exit(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) {
        let pid = call.actor.pid;
        for child in process::children(pid) {
            self.meet(child, tell);
        }
        let code = (call.arguments[0] as i32 & 0xff) << 8;
        self.ended(call.by, Said::of(EventKind::Exit).result(code), tell);
    }

    fn connect(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) -> Option<()> {
        let mut address = vec![0; (call.arguments[2] as usize).min(ADDRESS_BYTES_MAX)];
        call.target.read(call.arguments[1], &mut address)?;
        let Some((family, host, port)) = peer(&address) else {
            return Some(());
        };
        if let Some(socket) = call.target.descriptor(call.arguments[0]) {
            self.sockets.remember(socket, (family, host.clone(), port));
        }
        if call.number == libc::SYS_connect {
            let said = Said::of(EventKind::NetConnect).path(host.as_bytes());
            self.tell(
                call.by,
                said.flags(u32::from(family) << 16).value(u64::from(port) << 16),
                tell,
            );
        }
        Some(())
    }

    fn listen(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) {
        let bound = call
            .target
            .descriptor(call.arguments[0])
            .and_then(|socket| self.sockets.get(&socket));
        if let Some((family, host, port)) = bound {
            let said = Said::of(EventKind::NetListen).path(host.as_bytes());
            self.tell(
                call.by,
                said.flags(u32::from(family) << 16).value(u64::from(port)),
                tell,
            );
        }
    }

    fn join_standard(&mut self, call: &Call<'_>, tell: &mut Tell<'_, '_>) {
        let connected = call
            .target
            .descriptor(call.arguments[0])
            .and_then(|socket| self.sockets.get(&socket));
        if let Some((_, host, port)) = connected {
            let said = Said::of(EventKind::StdioSocket).path(host.as_bytes());
            let replaced = call.arguments[1] as u32;
            self.tell(call.by, said.flags(replaced).value(u64::from(port) << 16), tell);
        }
    }
}

/// A script's program: the kernel runs that.
fn interpreter(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut head = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(SCRIPT_HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .ok()?;
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).trim().to_owned();
    let program = line.split_ascii_whitespace().next()?.to_owned();
    let real = fs::canonicalize(&program).ok()?;
    Some(real.to_string_lossy().into_owned())
}
