//! How the library comes into a process by `LD_PRELOAD`, and on into the programs that it starts.
//!
//! The library asks the agent at its door (a unix socket) for a channel. The agent has read the process's memory map and has written into the
//! channel where the stubs go and which call sites to replace. No agent, no channel: then nothing happens at all.
use core::sync::atomic::Ordering;

use crate::channel::{CHANNEL_BYTES, Channel, MAGIC, Module, Setup, VERSION};
use crate::entry::norn_hook_entry;
use crate::state::norn_hook_state;
use crate::stub::{JUMP_BYTES, STUB_BYTES, STUBS_OFFSET, Site, patch, stub, stub_address};
use crate::surroundings::{environment, is_secure};
use crate::system::{PAGE, checked, close, number};

const READ_WRITE: u64 = 1 | 2;
const READ_EXECUTE: u64 = 1 | 4;
const ALL: u64 = 7;
const PRIVATE_ANONYMOUS: u64 = 0x02 | 0x20;
const FIXED_NOREPLACE: u64 = 0x10_0000;
const ENOEXEC: i64 = 8;

/// The loader calls this in the library's turn, before the program's own code and its threads.
extern "C" fn loaded() {
    let mut door = [0u8; 110];
    if !is_secure() && environment(&mut door) {
        // Without a channel the process is as if the library were not there.
        let _ = begin(&door);
    }
}

// Only in the library itself: a program that links the crate must not start it.
#[cfg(norn_hook_library)]
#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;
#[cfg(not(norn_hook_library))]
const _: extern "C" fn() = loaded;

fn begin(door: &[u8; 110]) -> Result<(), i64> {
    let socket = connect(door)?;
    let descriptor = receive(socket);
    close(socket);
    let descriptor = descriptor?;
    let size = checked(number::LSEEK, [descriptor, 0, 2, 0, 0, 0]);
    let address = checked(
        number::MMAP,
        [0, CHANNEL_BYTES as u64, READ_WRITE, 1, descriptor, 0],
    );
    close(descriptor);
    let address = address?;
    if size? != CHANNEL_BYTES as u64 {
        return Err(ENOEXEC);
    }
    // SAFETY: as large as a channel, and mapped until the process ends.
    let channel = unsafe { &*(address as *const Channel) };
    if channel.header.magic != MAGIC || channel.header.version != VERSION {
        return Err(ENOEXEC);
    }
    let begun = install(&channel.setup);
    match begun {
        Ok(()) => publish(channel),
        Err(error) => channel
            .header
            .counters
            .start_error
            .store(error as u64, Ordering::Release),
    }
    begun
}

fn publish(channel: &'static Channel) {
    let state = &norn_hook_state;
    let header = &channel.header;
    state
        .own_calls
        .store(u64::from(header.own_calls), Ordering::Relaxed);
    state.clock.store(header.clock, Ordering::Relaxed);
    state.pid_page.store(pid_page().unwrap_or(0), Ordering::Relaxed);
    state
        .channel
        .store((&raw const *channel) as u64, Ordering::Release);
    state
        .mask
        .store((&raw const header.recorded).cast_mut(), Ordering::Release);
    header.counters.started.store(1, Ordering::Release);
}

/// Replaces the call sites. Until everything has been checked nothing of the program is touched.
fn install(setup: &Setup) -> Result<(), i64> {
    for module in &setup.modules {
        if sites(setup, module)
            .iter()
            .any(|site| !is_as_planned(site, module))
        {
            return Err(ENOEXEC);
        }
    }
    let wanted = [
        setup.area,
        setup.area_bytes,
        READ_WRITE,
        PRIVATE_ANONYMOUS | FIXED_NOREPLACE,
        u64::MAX,
        0,
    ];
    let area = checked(number::MMAP, wanted)?;
    let built = if area == setup.area {
        build(setup)
    } else {
        Err(ENOEXEC)
    };
    if let Err(error) = built
        .and_then(|()| checked(number::MPROTECT, [area, setup.area_bytes, READ_EXECUTE, 0, 0, 0]).map(|_| ()))
    {
        let _ = checked(number::MUNMAP, [area, setup.area_bytes, 0, 0, 0, 0]);
        return Err(error);
    }
    for module in &setup.modules {
        replace(setup, module)?;
    }
    Ok(())
}

fn sites<'a>(setup: &'a Setup, module: &Module) -> &'a [Site] {
    let first = module.first_site as usize;
    setup
        .sites
        .get(first..first + module.sites as usize)
        .unwrap_or(&[])
}

fn is_as_planned(site: &Site, module: &Module) -> bool {
    let len = site.len as usize;
    let is_inside = site.start >= module.code && site.start + len as u64 <= module.code + module.code_bytes;
    if !is_inside || !(JUMP_BYTES..=site.bytes.len()).contains(&len) {
        return false;
    }
    // SAFETY: within the code of a library that is loaded; the agent took the bounds from the process's own memory map.
    let there = unsafe { core::slice::from_raw_parts(site.start as *const u8, len) };
    there == &site.bytes[..len]
}

fn build(setup: &Setup) -> Result<(), i64> {
    let number_of_sites = setup
        .modules
        .iter()
        .map(|module| module.sites as usize)
        .sum::<usize>();
    if (STUBS_OFFSET + number_of_sites * STUB_BYTES) as u64 > setup.area_bytes {
        return Err(ENOEXEC);
    }
    // SAFETY: the area was mapped just now and is large enough for the word and every stub.
    unsafe { (setup.area as *mut u64).write(norn_hook_entry as *const () as u64) };
    for module in &setup.modules {
        for (index, site) in sites(setup, module).iter().enumerate() {
            let at = stub_address(setup.area, module.first_site as usize + index);
            let code = stub(site, at, setup.area).ok_or(ENOEXEC)?;
            // SAFETY: as above; `first_site` counts the sites of the modules before.
            unsafe { (at as *mut [u8; STUB_BYTES]).write(code) };
        }
    }
    Ok(())
}

/// The pages stay executable throughout. Where that is not allowed, this library's sites stay as they are.
fn replace(setup: &Setup, module: &Module) -> Result<(), i64> {
    let pages = [module.code, module.code_bytes.next_multiple_of(PAGE)];
    checked(number::MPROTECT, [pages[0], pages[1], ALL, 0, 0, 0])?;
    for (index, site) in sites(setup, module).iter().enumerate() {
        let at = stub_address(setup.area, module.first_site as usize + index);
        if let Some(bytes) = patch(site, at) {
            for (offset, byte) in bytes[..site.len as usize].iter().enumerate() {
                // SAFETY: the site was compared with the plan, its page is writable now, and no second thread runs yet.
                unsafe { (site.start as *mut u8).add(offset).write_volatile(*byte) };
            }
        }
    }
    checked(number::MPROTECT, [pages[0], pages[1], READ_EXECUTE, 0, 0, 0]).map(|_| ())
}

fn pid_page() -> Result<u64, i64> {
    let page = checked(
        number::MMAP,
        [0, PAGE, READ_WRITE, PRIVATE_ANONYMOUS, u64::MAX, 0],
    )?;
    const WIPE_ON_FORK: u64 = 18;
    match checked(number::MADVISE, [page, PAGE, WIPE_ON_FORK, 0, 0, 0]) {
        Ok(_) => Ok(page),
        Err(error) => {
            let _ = checked(number::MUNMAP, [page, PAGE, 0, 0, 0, 0]);
            Err(error)
        }
    }
}

/// `door` has room for the family before the path.
fn connect(door: &[u8; 110]) -> Result<u64, i64> {
    const UNIX: u16 = 1;
    const SEQPACKET_CLOSE_ON_EXEC: u64 = 5 | 0o2_000_000;
    const SOL_SOCKET: u64 = 1;
    const SO_RCVTIMEO: u64 = 20;
    const SO_SNDTIMEO: u64 = 21;
    let mut address = *door;
    address[..2].copy_from_slice(&UNIX.to_ne_bytes());
    let socket = checked(
        number::SOCKET,
        [u64::from(UNIX), SEQPACKET_CLOSE_ON_EXEC, 0, 0, 0, 0],
    )?;
    let timeout = [0u64, 100_000];
    let limit = |option| {
        checked(
            number::SETSOCKOPT,
            [socket, SOL_SOCKET, option, (&raw const timeout) as u64, 16, 0],
        )
    };
    let connected = limit(SO_RCVTIMEO)
        .and_then(|_| limit(SO_SNDTIMEO))
        .and_then(|_| checked(number::CONNECT, [socket, address.as_ptr() as u64, 110, 0, 0, 0]));
    if let Err(error) = connected {
        close(socket);
        return Err(error);
    }
    Ok(socket)
}

/// One message of one byte, with the channel's descriptor.
fn receive(socket: u64) -> Result<u64, i64> {
    const CLOSE_ON_EXEC: u64 = 0x4000_0000;
    let mut byte = 0u8;
    let part = [(&raw mut byte) as u64, 1];
    // length 20, SOL_SOCKET, SCM_RIGHTS, descriptor; as the kernel lays it out.
    let mut control = [0u64; 3];
    let mut message = [
        0,
        0,
        (&raw const part) as u64,
        1,
        (&raw mut control) as u64,
        24,
        0,
    ];
    checked(
        number::RECVMSG,
        [socket, (&raw mut message) as u64, CLOSE_ON_EXEC, 0, 0, 0],
    )?;
    const RIGHTS: u64 = 1 | 1 << 32;
    if control[0] != 20 || control[1] != RIGHTS {
        return Err(ENOEXEC);
    }
    Ok(control[2] & 0xffff_ffff)
}
