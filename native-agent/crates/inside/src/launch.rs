//! Starts the application under the filter and takes the listener from it. What is the agent's own (capabilities, its
//! memory) is not the application's.
use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use nix::unistd::{ForkResult, Gid, Uid, fork, setgroups, setresgid, setresuid};
use norn_os::filter::lay_on;
use norn_os::rights::gain_nothing;

use crate::capability::{AGENTS_OWN, lay_down_agents_own};
use crate::error::InsideError;
use crate::filter;
use crate::listener::Listener;

/// Exit codes of shells: found but not executable, not found.
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Whom the application runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub user: u32,
    pub group: u32,
}

/// The application's first process. It waits at its first call until the listener is served.
///
/// # Errors
/// When there is no program to start, or the kernel gives no listener. To be called while this process has one thread.
pub fn launch(command: &[OsString], account: Option<Account>) -> Result<(u32, Listener), InsideError> {
    let arguments: Vec<CString> = command
        .iter()
        .map(|argument| CString::new(argument.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(|_| InsideError::NoCommand(format!("{command:?}")))?;
    if arguments.is_empty() {
        return Err(InsideError::NoCommand(String::new()));
    }
    let ends = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    );
    let (ours, theirs) = ends.map_err(|errno| InsideError::NoProcess(errno.into()))?;
    // SAFETY: this process has one thread, so the child may do what it likes.
    match unsafe { fork() }.map_err(|errno| InsideError::NoProcess(errno.into()))? {
        ForkResult::Child => {
            drop(ours);
            match become_application(&arguments, account, &theirs) {
                Ok(never) => match never {},
                Err(error) => give_up(&arguments[0], &error),
            }
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            let fd = take_descriptor(&ours).map_err(InsideError::NoListener)?;
            Ok((child.as_raw() as u32, Listener::new(fd)))
        }
    }
}

/// After it the agent's memory and descriptors are out of reach for processes of the same user. Only after the fork, or the
/// application's would be out of the agent's.
pub fn close_to_others() {
    // SAFETY: plain arguments.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
    // SAFETY: as above. Orphans of the application come to the agent, not to whoever started it.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

fn become_application(
    arguments: &[CString],
    account: Option<Account>,
    to: &OwnedFd,
) -> io::Result<Infallible> {
    for capability in AGENTS_OWN {
        // SAFETY: plain arguments. Without CAP_SETPCAP it is refused, and laying them down does it.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability) };
    }
    lay_down_agents_own()?;
    if let Some(Account { user, group }) = account {
        setgroups(&[])?;
        setresgid(Gid::from(group), Gid::from(group), Gid::from(group))?;
        setresuid(Uid::from(user), Uid::from(user), Uid::from(user))?;
    }
    own_the_terminal();
    // SAFETY: plain arguments. Calls that wait for an agent that is gone fail, and what it had frozen would stay so: without
    // it the application ends, as it does where the agent is the container's first process. A change of user takes this back.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: plain arguments. Another user's process is no longer readable without it.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
    let listener = install()?;
    let (frame, descriptors) = ([IoSlice::new(b"l")], [listener.as_raw_fd()]);
    let message = [ControlMessage::ScmRights(&descriptors)];
    sendmsg::<()>(to.as_raw_fd(), &frame, &message, MsgFlags::empty(), None)?;
    drop(listener);
    Ok(nix::unistd::execvp(&arguments[0], arguments).map(|never| match never {})?)
}

/// What is typed goes to the application alone: the agent would pass an interrupt on to it a second time.
fn own_the_terminal() {
    // SAFETY: plain arguments. Without a terminal each is refused, and nothing changes.
    unsafe {
        if libc::isatty(libc::STDIN_FILENO) == 1 && libc::setpgid(0, 0) == 0 {
            let before = libc::signal(libc::SIGTTOU, libc::SIG_IGN);
            libc::tcsetpgrp(libc::STDIN_FILENO, libc::getpid());
            libc::signal(libc::SIGTTOU, before);
        }
    }
}

fn install() -> io::Result<OwnedFd> {
    let program = filter::program();
    gain_nothing()?;
    // A thread that waits is not woken by signals, only by its end (Linux 5.19): else programs with many signals (Go) ask
    // again and again.
    let killable = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let fd = lay_on(&program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | killable)
        .or_else(|_| lay_on(&program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER))?;
    // SAFETY: a new descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn take_descriptor(from: &OwnedFd) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut frame = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(from.as_raw_fd(), &mut frame, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control
            && let Some(&fd) = descriptors.first()
        {
            // SAFETY: a new descriptor that nobody else has.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    Err(io::Error::other(
        "the program ended before it was under the filter",
    ))
}

fn give_up(program: &CString, error: &io::Error) -> ! {
    eprintln!("baldur: {}: {error}", program.to_string_lossy());
    let code = match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    };
    // SAFETY: ends the child at once; nothing of the parent's is to be run.
    unsafe { libc::_exit(code) }
}
