//! A pre-image for one who asks by himself, before he destroys a file: by unlink, by renaming another over it, or by truncate,
//! about which the kernel asks nobody.
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use norn_journal::file::Stamp;
use norn_journal::record::Time;
use norn_os as os;

use crate::capture::capture;
use crate::opens::Job;
use crate::shared::Shared;
use crate::told::open;

/// What came of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preimage {
    /// The state that the file has now is in the vault, by this call.
    Taken,
    /// It was there before, or is the asker's own work.
    Known,
    /// The file lies in no place that is protected, or is no regular file.
    Elsewhere,
    /// It could not be copied; the journal says why.
    Missed,
}

/// `file` by `O_PATH`; `pid` asks, as the host knows it. On a thread that may wait for a disk.
pub fn keep(shared: &Shared, file: &OwnedFd, pid: u32) -> io::Result<Preimage> {
    let stat = os::fstat(file.as_raw_fd())?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Ok(Preimage::Elsewhere);
    }
    let key = shared.places.key(file.as_raw_fd(), &stat)?;
    let is_kept = || {
        let index = shared.store.index();
        index.state(key).and_then(|state| state.saved()) == Some(Stamp::from(&stat))
    };
    if is_kept() || shared.store.index().is_own_work(key, pid) {
        return Ok(Preimage::Known);
    }
    if shared.places.find(file.as_raw_fd(), &stat, key).is_none() {
        return Ok(Preimage::Elsewhere);
    }
    let job = Job {
        id: 0,
        fd: Arc::new(open(file)?),
        pid,
        time: os::boot_ns() as Time,
        stat,
        key,
        released: Arc::new(AtomicBool::new(false)),
        is_making: false,
        born: None,
    };
    capture(shared, &job);
    Ok(if is_kept() {
        Preimage::Taken
    } else {
        Preimage::Missed
    })
}
