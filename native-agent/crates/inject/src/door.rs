//! The door at which preloaded libraries ask for their channel: a unix socket in a directory that also holds the library's file.
use std::fs::{self, File};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use norn_hook::channel::{CHANNEL_BYTES, Module, PRELOAD_BYTES};
use norn_hook::{DOOR_VARIABLE, LIBRARY};

use crate::blind::{self, Target};
use crate::channel::{Channel, Wanted};
use crate::error::Blind;
use crate::image::stubs_bytes;
use crate::plan::Plans;
use crate::{clock, maps};

const SOCKET: &str = "hook.sock";
const FILE: &str = "libnorn_hook.so";
/// Programs that may wait at the door at once; a further one starts without the library.
const WAITING_MAX: i32 = 128;
const LOOK_MS: i32 = 200;

/// What a program is started with to get the library.
#[derive(Clone, Debug)]
pub struct Following {
    pub library: PathBuf,
    pub socket: PathBuf,
}

impl Following {
    pub fn variables(&self) -> [(&'static str, &Path); 2] {
        [("LD_PRELOAD", &self.library), (DOOR_VARIABLE, &self.socket)]
    }

    /// Writes the variables where the library finds them when a program starts another without them.
    pub(crate) fn tell(&self, channel: &Channel) {
        let shared = channel.raw();
        for (to, (name, value)) in [&mut shared.preload, &mut shared.door]
            .into_iter()
            .zip(self.variables())
        {
            let text = format!("{name}={}\0", value.display());
            if text.len() <= PRELOAD_BYTES {
                to[..text.len()].copy_from_slice(text.as_bytes());
            }
        }
    }
}

/// A program that came with the library preloaded.
pub struct Visitor {
    pub pid: i32,
    /// None when the program cannot be hooked, or did not wait.
    pub channel: Result<Arc<Channel>, Blind>,
}

/// Open until it is dropped.
pub struct Door {
    following: Following,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Puts the library and the socket into `directory`, which must be there. `met` is called for each program before it goes on; the
    /// answering thread is to be there when it returns.
    pub fn open(directory: &Path, wanted: Wanted, met: Box<dyn Fn(Visitor) + Send>) -> io::Result<Self> {
        let following = Following {
            library: directory.join(FILE),
            socket: directory.join(SOCKET),
        };
        let beside = directory.join(format!("{FILE}.new"));
        fs::write(&beside, LIBRARY)?;
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755))?;
        fs::rename(&beside, &following.library)?;
        let listener = listen(&following.socket)?;
        let ending = Arc::new(AtomicBool::new(false));
        let plans = Plans::default();
        plans.prepare();
        let keeper = Keeper {
            following: following.clone(),
            listener,
            wanted,
            met,
            ending: ending.clone(),
            plans,
        };
        let thread = std::thread::Builder::new()
            .name("hook-door".into())
            .spawn(move || keeper.run())?;
        Ok(Self {
            following,
            ending,
            thread: Some(thread),
        })
    }

    pub fn following(&self) -> &Following {
        &self.following
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed where it happened.
            let _ = thread.join();
        }
        for path in [&self.following.socket, &self.following.library] {
            // Somebody may have removed the directory already.
            let _ = fs::remove_file(path);
        }
    }
}

struct Keeper {
    following: Following,
    listener: OwnedFd,
    wanted: Wanted,
    met: Box<dyn Fn(Visitor) + Send>,
    ending: Arc<AtomicBool>,
    plans: Plans,
}

impl Keeper {
    fn run(&self) {
        while !self.ending.load(Ordering::Acquire) {
            let mut ready = libc::pollfd {
                fd: self.listener.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one entry, which lives until the call returns.
            if unsafe { libc::poll(&raw mut ready, 1, LOOK_MS) } <= 0 {
                continue;
            }
            // SAFETY: the addresses are not asked for; the descriptor is new and ours.
            let visitor = unsafe {
                libc::accept4(
                    self.listener.as_raw_fd(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    libc::SOCK_CLOEXEC,
                )
            };
            if visitor >= 0 {
                // SAFETY: as above.
                self.meet(&unsafe { OwnedFd::from_raw_fd(visitor) });
            }
        }
    }

    /// A program that is turned away finds the socket closed and goes on without the library.
    fn meet(&self, visitor: &OwnedFd) {
        let Some(pid) = peer(visitor) else { return };
        let channel = self.prepare(pid).map(Arc::new);
        (self.met)(Visitor {
            pid,
            channel: channel.as_ref().map(Arc::clone).map_err(Clone::clone),
        });
        if let Ok(channel) = channel {
            send(visitor, channel.file());
        }
    }

    fn prepare(&self, pid: i32) -> Result<Channel, Blind> {
        let target = blind::examine_code(pid, &self.plans)?;
        match maps::status_number(pid, "Threads") {
            Some(1) => {}
            None => return Err(Blind::Gone { pid }),
            Some(_) => return Err(Blind::Threads { pid }),
        }
        let no_room = Blind::NoRoom { pid };
        let channel = Channel::new(&self.wanted).map_err(|_| no_room.clone())?;
        self.following.tell(&channel);
        let header = &mut channel.raw().header;
        header.own_calls = u64::from(is_as_free_as_we(pid)) as u32;
        header.clock = clock::address(&target.maps);
        write_setup(&channel, &target).ok_or(no_room)?;
        Ok(channel)
    }
}

fn write_setup(channel: &Channel, target: &Target) -> Option<()> {
    let setup = &mut channel.raw().setup;
    let sites = target.sites_there();
    setup.area_bytes = stubs_bytes(sites.len());
    // The process maps the channel itself, and the kernel puts it at the upper end of the first gap.
    setup.area = maps::gap(
        &target.maps,
        target.extent(),
        setup.area_bytes + CHANNEL_BYTES as u64,
    )?;
    setup.sites.get_mut(..sites.len())?.copy_from_slice(&sites);
    let mut first_site = 0;
    for (to, loaded) in setup.modules.iter_mut().zip(&target.libraries) {
        let sites = loaded.plan.sites.len() as u32;
        *to = Module {
            code: loaded.base + loaded.plan.code.0,
            code_bytes: loaded.plan.code.1,
            first_site,
            sites,
        };
        first_site += sites;
    }
    Some(())
}

/// A program under the same filters as the agent may make the calls that the agent makes.
fn is_as_free_as_we(pid: i32) -> bool {
    let filters = |pid| maps::status_number(pid, "Seccomp_filters");
    maps::status_number(pid, "Seccomp") == Some(0)
        || filters(pid).is_some_and(|count| filters(std::process::id() as i32) == Some(count))
}

fn listen(path: &Path) -> io::Result<OwnedFd> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // SAFETY: a socket address is plain numbers.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as u16;
    let text = path.as_os_str().as_encoded_bytes();
    if text.len() >= address.sun_path.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path of the socket is longer than 107 bytes: choose another directory",
        ));
    }
    for (to, byte) in address.sun_path.iter_mut().zip(text) {
        *to = *byte as libc::c_char;
    }
    // SAFETY: has no pointers; the descriptor is new and ours.
    let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: the address lives until the calls return.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_un>() as u32,
        ) == 0
            && libc::listen(socket.as_raw_fd(), WAITING_MAX) == 0
    };
    if !bound {
        return Err(io::Error::last_os_error());
    }
    // Programs of every user come here; all that they get is a channel for themselves.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(socket)
}

fn peer(visitor: &OwnedFd) -> Option<i32> {
    let mut who = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut bytes = size_of::<libc::ucred>() as u32;
    // SAFETY: the kernel writes at most `bytes`.
    let found = unsafe {
        libc::getsockopt(
            visitor.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut who).cast(),
            &raw mut bytes,
        )
    };
    (found == 0 && who.pid > 0).then_some(who.pid)
}

fn send(visitor: &OwnedFd, file: &File) {
    let mut byte = 0u8;
    let mut part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // The header of one descriptor, as the kernel lays it out: length 20, SOL_SOCKET, SCM_RIGHTS, descriptor.
    let mut control = [20u64, 1 | 1 << 32, file.as_raw_fd() as u64];
    // SAFETY: a message header is plain numbers and pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: all parts live until the call returns. A visitor that has gone is the only failure.
    unsafe {
        libc::sendmsg(
            visitor.as_raw_fd(),
            &raw const message,
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
        )
    };
}
