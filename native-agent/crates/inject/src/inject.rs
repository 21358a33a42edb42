//! Puts the library into a running process. Until the last step nothing of the program's own is touched; when a step fails, all that was done
//! is undone in reverse, and the process goes on as if nothing had been.
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64};
use std::time::Duration;

use norn_hook::channel::{CHANNEL_BYTES, Channel as Shared, Header, Mask};
use norn_hook::state::State;
use norn_hook::stub::Site;

use crate::blind::{self, IMAGE_NAME, Target};
use crate::channel::{Channel, Wanted};
use crate::clock;
use crate::door::Following;
use crate::eject::{Hooked, ImageFile};
use crate::error::{Blind, InjectError};
use crate::image::{self, Layout, PAGE, Patch};
use crate::maps;
use crate::plan::Plans;
use crate::remote::Remote;
use crate::respond::{Answerer, Nothing, Responder};
use crate::seccomp;
use crate::stop::Stopped;
use crate::will::Gadgets;

/// A process that is busy at a bad moment is tried again this often.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(2);

const READ_WRITE: u64 = (libc::PROT_READ | libc::PROT_WRITE) as u64;
const READ_EXECUTE: u64 = (libc::PROT_READ | libc::PROT_EXEC) as u64;
const ANONYMOUS: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
const PRIVATE: u64 = libc::MAP_PRIVATE as u64;
const SHARED: u64 = libc::MAP_SHARED as u64;
const NO_REPLACE: u64 = libc::MAP_FIXED_NOREPLACE as u64;
const FIXED: u64 = libc::MAP_FIXED as u64;

/// The steps of an injection, in order. A test can make it fail after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Stopped,
    PageMapped,
    ImageMade,
    ChannelMade,
    ImageMapped,
    DataMapped,
    StubsMapped,
    ChannelMapped,
    DescriptorsClosed,
    HalfPatched,
    Patched,
}

impl Step {
    pub const ALL: [Self; 11] = [
        Self::Stopped,
        Self::PageMapped,
        Self::ImageMade,
        Self::ChannelMade,
        Self::ImageMapped,
        Self::DataMapped,
        Self::StubsMapped,
        Self::ChannelMapped,
        Self::DescriptorsClosed,
        Self::HalfPatched,
        Self::Patched,
    ];
}

#[derive(Clone, Default)]
pub struct Options {
    pub wanted: Wanted,
    /// How programs that the process starts get the library too; None: they do not.
    pub following: Option<Following>,
    /// For tests: fail after this step.
    pub fail_after: Option<Step>,
}

/// Hooks `pid`. `answerer` is asked before calls of `Options::wanted.questioned`.
pub fn inject(
    pid: i32,
    plans: &Plans,
    options: &Options,
    answerer: Box<dyn Answerer>,
) -> Result<Hooked, InjectError> {
    let (mut attempt, mut answerer) = (1, Some(answerer));
    loop {
        match once(pid, plans, options, &mut answerer) {
            Err(InjectError::Busy { .. }) if attempt < ATTEMPTS => attempt += 1,
            done => return done,
        }
        std::thread::sleep(PAUSE);
    }
}

/// On a thread of its own: when it ends, the kernel lets go of whatever it still holds.
fn once(
    pid: i32,
    plans: &Plans,
    options: &Options,
    answerer: &mut Option<Box<dyn Answerer>>,
) -> Result<Hooked, InjectError> {
    let target = blind::examine(pid, plans)?;
    let on_thread = || hook_stopped(Stopped::stop(pid)?, target, options, answerer);
    std::thread::scope(|scope| scope.spawn(on_thread).join()).unwrap_or(Err(InjectError::Library {
        what: "the injector has a defect",
    }))
}

/// The process goes on once it is answered. The answerer is taken when it is needed.
pub(crate) fn hook_stopped(
    mut stopped: Stopped,
    mut target: Target,
    options: &Options,
    answerer: &mut Option<Box<dyn Answerer>>,
) -> Result<Hooked, InjectError> {
    // Until then it may have mapped more: the gap is looked for while nothing changes.
    target.maps = maps::read(target.pid)?;
    let injected = Injection::prepare(&target, options)?.run(&mut stopped)?;
    let channel = Arc::new(injected.channel);
    let answerer = answerer.take().unwrap_or_else(|| Box::new(Nothing));
    let started = Responder::start(channel.clone(), answerer);
    let responder = started.map_err(|error| stopped.failed("starting the answering thread", error))?;
    let since = stopped.since;
    drop(stopped);
    Ok(Hooked {
        pid: target.pid,
        layout: injected.layout,
        patches: injected.patches,
        channel,
        gadgets: injected.gadgets,
        image: injected.image,
        held: since.elapsed(),
        _responder: responder,
    })
}

struct Injected {
    layout: Layout,
    patches: Vec<Patch>,
    channel: Channel,
    image: ImageFile,
    gadgets: Gadgets,
}

struct Injection<'a> {
    target: &'a Target,
    options: &'a Options,
    layout: Layout,
    sites: Vec<Site>,
    patches: Vec<Patch>,
    undo: Vec<Undo>,
}

enum Undo {
    Unmap(u64, u64),
    Close(u64),
    Moves,
    Restore(usize),
}

impl<'a> Injection<'a> {
    fn prepare(target: &'a Target, options: &'a Options) -> Result<Self, InjectError> {
        let sites = target.sites_there();
        let no_room = Blind::NoRoom { pid: target.pid };
        let base = maps::gap(&target.maps, target.extent(), Layout::bytes(sites.len())?).ok_or(no_room)?;
        let layout = Layout::at(base, sites.len())?;
        let patches = image::patches(&sites, layout.stubs)?;
        Ok(Self {
            target,
            options,
            layout,
            sites,
            patches,
            undo: Vec::new(),
        })
    }

    fn run(&mut self, stopped: &mut Stopped) -> Result<Injected, InjectError> {
        check_started(stopped)?;
        let own_calls = self.check_filters(stopped)?;
        let no_libc = Blind::NoLibc { pid: self.target.pid };
        let gadgets = self.target.gadgets().ok_or(no_libc)?;
        let mut remote = Remote::begin(stopped, gadgets)?;
        match self.steps(&mut remote, own_calls) {
            Ok((channel, image)) => Ok(Injected {
                layout: self.layout,
                patches: std::mem::take(&mut self.patches),
                channel,
                image,
                gadgets,
            }),
            Err(error) => {
                self.undo(&mut remote);
                Err(error)
            }
        }
    }

    fn steps(&mut self, remote: &mut Remote, own_calls: bool) -> Result<(Channel, ImageFile), InjectError> {
        self.reached(Step::Stopped)?;
        self.check_syscall(remote)?;
        self.map_page(remote)?;
        let (image, image_file) = self.memfd(remote)?;
        let bytes = image::build(&self.layout, &self.sites, &self.state(own_calls))?;
        let identity = write_image(&image_file, &bytes)
            .map_err(|error| remote.stopped.failed("writing the library", error))?;
        self.reached(Step::ImageMade)?;
        let (shared, shared_file) = self.memfd(remote)?;
        let channel = Channel::on(shared_file, &self.options.wanted)
            .map_err(|error| remote.stopped.failed("making the channel", error))?;
        if let Some(following) = &self.options.following {
            following.tell(&channel);
        }
        self.reached(Step::ChannelMade)?;
        self.map_image(remote, image)?;
        let (at, bytes) = (self.layout.channel, CHANNEL_BYTES as u64);
        self.map(remote, [at, bytes, READ_WRITE, SHARED | FIXED, shared, 0])?;
        self.reached(Step::ChannelMapped)?;
        self.close_descriptors(remote)?;
        self.patch(remote)?;
        Ok((channel, identity))
    }

    fn reached(&self, step: Step) -> Result<(), InjectError> {
        if self.options.fail_after == Some(step) {
            return Err(InjectError::Rehearsed {
                step: format!("{step:?}"),
            });
        }
        Ok(())
    }

    /// Whether the library may make calls of its own; an error when not even the injection may.
    fn check_filters(&self, stopped: &Stopped) -> Result<bool, InjectError> {
        let refused = || InjectError::from(Blind::Seccomp { pid: self.target.pid });
        let mut own_calls = true;
        for tid in stopped.threads.keys() {
            if !seccomp::may(*tid, &seccomp::INJECTION) {
                return Err(refused());
            }
            own_calls &= seccomp::may(*tid, &seccomp::OWN);
        }
        Ok(own_calls)
    }

    fn check_syscall(&self, remote: &Remote) -> Result<(), InjectError> {
        for patch in &self.patches {
            let mut there = [0; norn_hook::stub::MOVED_BYTES + 2];
            let there = &mut there[..patch.moved().len() + 2];
            let read = remote.read(patch.site.start, there);
            read.map_err(|error| remote.stopped.failed("reading the code", error))?;
            if !there.starts_with(patch.moved()) || !there.ends_with(&[0x0F, 0x05]) {
                return Err(InjectError::Changed {
                    pid: self.target.pid,
                    address: patch.site.start,
                });
            }
        }
        Ok(())
    }

    /// Room for everything, which is taken at once: so what is given back should we be killed is ours alone. What stays of it is the page
    /// for the process id; before that, the names of the memfds are in it.
    fn map_page(&mut self, remote: &mut Remote) -> Result<(), InjectError> {
        let (base, bytes) = self.layout.extent();
        let args = [base, bytes, READ_WRITE, ANONYMOUS | NO_REPLACE, u64::MAX, 0];
        let at = remote.call("mapping memory", libc::SYS_mmap, args)?;
        self.undo.push(Undo::Unmap(at, bytes));
        remote.if_killed(libc::SYS_munmap, [at, bytes, 0, 0, 0, 0])?;
        if at != base {
            return Err(Blind::NoRoom { pid: self.target.pid }.into());
        }
        let advice = [self.layout.pid_page, PAGE, libc::MADV_WIPEONFORK as u64, 0, 0, 0];
        remote.call("marking a page", libc::SYS_madvise, advice)?;
        self.reached(Step::PageMapped)
    }

    /// Over a part of that room.
    fn map(&mut self, remote: &mut Remote, args: [u64; 6]) -> Result<(), InjectError> {
        remote.call("mapping memory", libc::SYS_mmap, args).map(|_| ())
    }

    /// A memfd of the process, as it knows it and as we do.
    fn memfd(&mut self, remote: &mut Remote) -> Result<(u64, File), InjectError> {
        let name = [IMAGE_NAME.as_bytes(), b"\0"].concat();
        remote
            .write(self.layout.pid_page, &name)
            .map_err(|error| remote.stopped.failed("writing a name", error))?;
        let flags = u64::from(libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
        let args = [self.layout.pid_page, flags, 0, 0, 0, 0];
        let made = remote.call("making a memfd", libc::SYS_memfd_create, args);
        remote
            .write(self.layout.pid_page, &vec![0; name.len()])
            .map_err(|error| remote.stopped.failed("clearing a name", error))?;
        let descriptor = made?;
        self.undo.push(Undo::Close(descriptor));
        remote.if_killed(libc::SYS_close, [descriptor, 0, 0, 0, 0, 0])?;
        let path = format!("/proc/{}/fd/{descriptor}", remote.tid);
        let file = File::options().read(true).write(true).open(path);
        Ok((
            descriptor,
            file.map_err(|error| remote.stopped.failed("opening a memfd", error))?,
        ))
    }

    fn map_image(&mut self, remote: &mut Remote, image: u64) -> Result<(), InjectError> {
        let Layout {
            base,
            library_bytes,
            data,
            stubs,
            stubs_bytes,
            ..
        } = self.layout;
        self.map(
            remote,
            [base, library_bytes, READ_EXECUTE, PRIVATE | FIXED, image, 0],
        )?;
        self.reached(Step::ImageMapped)?;
        self.map(
            remote,
            [data.0, data.1, READ_WRITE, PRIVATE | FIXED, image, data.0 - base],
        )?;
        self.reached(Step::DataMapped)?;
        self.map(
            remote,
            [
                stubs,
                stubs_bytes,
                READ_EXECUTE,
                PRIVATE | FIXED,
                image,
                stubs - base,
            ],
        )?;
        self.reached(Step::StubsMapped)
    }

    fn close_descriptors(&mut self, remote: &mut Remote) -> Result<(), InjectError> {
        while let Some(place) = self.undo.iter().rposition(|undo| matches!(undo, Undo::Close(_))) {
            if let Undo::Close(descriptor) = self.undo.remove(place) {
                remote.never_mind();
                remote.call("closing a memfd", libc::SYS_close, [descriptor, 0, 0, 0, 0, 0])?;
            }
        }
        self.reached(Step::DescriptorsClosed)
    }

    /// From here on the library stays, should we be killed: what is hooked by then comes to it, and it passes everything through.
    fn patch(&mut self, remote: &mut Remote) -> Result<(), InjectError> {
        remote.never_mind();
        remote
            .stand_by()
            .map_err(|error| remote.stopped.failed("borrowing a thread", error))?;
        self.undo.push(Undo::Moves);
        self.move_threads(remote, |patch, rip| patch.to_stub(rip))?;
        for number in 0..self.patches.len() {
            let patch = self.patches[number];
            self.undo.push(Undo::Restore(number));
            let written = remote.write(patch.site.start, patch.replacement());
            written.map_err(|error| remote.stopped.failed("replacing a call site", error))?;
            if number == self.patches.len() / 2 {
                self.reached(Step::HalfPatched)?;
            }
        }
        self.reached(Step::Patched)
    }

    /// Never the borrowed one: it goes back to where it was.
    fn move_threads(
        &self,
        remote: &mut Remote,
        to: impl Fn(&Patch, u64) -> Option<u64>,
    ) -> Result<(), InjectError> {
        let to = |rip| self.patches.iter().find_map(|patch| to(patch, rip));
        let (pid, tid) = (self.target.pid, remote.tid);
        let borrowed = remote.stopped.threads.get(&tid);
        if borrowed.is_some_and(|thread| to(thread.registers.rip).is_some()) {
            return Err(InjectError::Busy {
                pid,
                tid,
                waited_ms: 0,
            });
        }
        let moved = remote.stopped.move_threads(to);
        moved.map_err(|error| remote.stopped.failed("moving a thread", error))
    }

    /// What fails here fails because the process has ended: there is nothing to leave as it was.
    fn undo(&mut self, remote: &mut Remote) {
        while let Some(undo) = self.undo.pop() {
            let _ = match undo {
                Undo::Unmap(at, bytes) => remote
                    .call("undoing", libc::SYS_munmap, [at, bytes, 0, 0, 0, 0])
                    .map(|_| ()),
                Undo::Close(descriptor) => remote
                    .call("undoing", libc::SYS_close, [descriptor, 0, 0, 0, 0, 0])
                    .map(|_| ()),
                Undo::Moves => self.move_threads(remote, |patch, rip| patch.from_stub(rip)),
                Undo::Restore(number) => {
                    let patch = &self.patches[number];
                    remote
                        .write(patch.site.start, patch.original())
                        .map_err(|error| remote.stopped.failed("undoing", error))
                }
            };
        }
    }

    fn state(&self, own_calls: bool) -> State {
        let channel = self.layout.channel;
        let mask =
            channel + (std::mem::offset_of!(Shared, header) + std::mem::offset_of!(Header, recorded)) as u64;
        State {
            mask: AtomicPtr::new(mask as *mut Mask),
            channel: AtomicU64::new(channel),
            clock: AtomicU64::new(clock::address(&self.target.maps)),
            pid_page: AtomicU64::new(self.layout.pid_page),
            own_calls: AtomicU64::new(u64::from(own_calls)),
            inside: AtomicI64::new(0),
        }
    }
}

/// What is in it now stays: nobody can write to the file any more. The process's own mapping of it is another matter.
fn write_image(mut file: &File, bytes: &[u8]) -> io::Result<ImageFile> {
    file.write_all(bytes)?;
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: adds seals to our own descriptor.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let found = file.metadata()?;
    Ok(ImageFile {
        device: found.dev(),
        inode: found.ino(),
    })
}

/// A thread whose loader has not given it a thread pointer yet is not ready for the library, which looks there.
fn check_started(stopped: &Stopped) -> Result<(), InjectError> {
    match stopped
        .threads
        .values()
        .find(|thread| thread.registers.fs_base == 0)
    {
        Some(thread) => Err(InjectError::Busy {
            pid: stopped.pid,
            tid: thread.tid,
            waited_ms: 0,
        }),
        None => Ok(()),
    }
}
