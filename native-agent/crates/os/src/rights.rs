//! What a thread may do: its sets of capabilities, and that no program it starts gains any (capabilities(7)).
use std::io;

use crate::calls::check;

/// `linux/capability.h`: version 3, which has two words a set.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Word {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// A bit for each capability, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
}

impl Capabilities {
    /// Of this thread.
    pub fn own() -> io::Result<Self> {
        let mut words = [Word::default(); 2];
        let mut header = Header {
            version: VERSION,
            pid: 0,
        };
        // SAFETY: both structures have the kernel's layout; pid 0 is this thread.
        let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
        check(result as libc::c_int)?;
        let [low, high] = words;
        let both = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        Ok(Self {
            effective: both(low.effective, high.effective),
            permitted: both(low.permitted, high.permitted),
            inheritable: both(low.inheritable, high.inheritable),
        })
    }

    /// Of these, what is in the mask.
    pub fn within(self, mask: u64) -> Self {
        Self {
            effective: self.effective & mask,
            permitted: self.permitted & mask,
            inheritable: self.inheritable & mask,
        }
    }

    /// This thread has them from now on.
    ///
    /// # Errors
    /// EPERM when one is not permitted.
    pub fn hold(self) -> io::Result<()> {
        let word = |shift: u32| Word {
            effective: (self.effective >> shift) as u32,
            permitted: (self.permitted >> shift) as u32,
            inheritable: (self.inheritable >> shift) as u32,
        };
        let words = [word(0), word(32)];
        let header = Header {
            version: VERSION,
            pid: 0,
        };
        // SAFETY: both structures have the kernel's layout; pid 0 is this thread.
        let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) };
        check(result as libc::c_int).map(drop)
    }
}

/// The bits of these, by their numbers.
pub fn mask_of(capabilities: &[u32]) -> u64 {
    capabilities.iter().fold(0, |mask, number| mask | 1 << number)
}

/// No program that this thread starts is given another one, whatever its file has.
///
/// # Errors
/// EPERM without CAP_SETPCAP.
pub fn bound_to(mask: u64) -> io::Result<()> {
    for capability in 0..u64::BITS {
        // SAFETY: plain arguments.
        let known = unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability) };
        if known == 1 && mask & (1 << capability) == 0 {
            // SAFETY: plain arguments.
            check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability) })?;
        }
    }
    Ok(())
}

/// Also a set-user-ID program gains nothing from now on.
pub fn gain_nothing() -> io::Result<()> {
    // SAFETY: plain arguments.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Status;

    #[test]
    fn what_is_laid_down_is_gone_from_this_thread_and_from_what_it_starts() {
        let seen = std::thread::spawn(|| {
            let before = Capabilities::own().unwrap();
            let mask = !(1 << 25 | 1 << 39);
            let is_bound = bound_to(mask).is_ok();
            before.within(mask).hold().unwrap();
            gain_nothing().unwrap();
            let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            let status = Status::of(child.id()).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            (before, Capabilities::own().unwrap(), is_bound, status)
        });
        let (before, after, is_bound, started) = seen.join().unwrap();
        let mask = !(1_u64 << 25 | 1 << 39);
        assert_eq!(after, before.within(mask));
        let bits = |name: &str| u64::from_str_radix(started.line(name).unwrap(), 16).unwrap();
        assert_eq!(started.line("NoNewPrivs"), Some("1"));
        assert!(is_bound || before.effective & (1 << 8) == 0);
        if is_bound {
            assert_eq!(bits("CapBnd") & !mask, 0);
            assert_eq!(bits("CapEff") & !mask, 0);
        }
    }
}
