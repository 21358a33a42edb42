//! What all of netlink's families have in common (`linux/netlink.h`): a socket to the kernel, and how a message begins.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sendto, setsockopt, socket,
    sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// The kernel answers while the message is being sent; this is for a kernel that does not.
const ANSWER_SECONDS: i64 = 2;

pub const HEADER_BYTES: usize = 16;
pub const REQUEST: u16 = 1;
pub const TYPE_ERROR: u16 = 2;

/// To the kernel of this thread's network namespace.
pub fn open(protocol: SockProtocol) -> io::Result<OwnedFd> {
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        protocol,
    )?;
    setsockopt(&kernel, ReceiveTimeout, &TimeVal::seconds(ANSWER_SECONDS))?;
    Ok(kernel)
}

pub fn send(kernel: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    sendto(
        kernel.as_raw_fd(),
        bytes,
        &NetlinkAddr::new(0, 0),
        MsgFlags::empty(),
    )?;
    Ok(())
}
