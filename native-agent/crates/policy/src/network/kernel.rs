//! The programs of the root cgroup and their maps. An object holds one policy; the next one is loaded beside it, then it goes.
use std::fs::File;
use std::mem::size_of;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};

use libbpf_rs::{
    Link, Map, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, RingBuffer, RingBufferBuilder,
};
use norn_os::mounts::cgroup_root;

use super::lines::{Mask, Rights};
use crate::EnforceError;
use crate::cidr::{Cidr, address};
use crate::denial::DENIALS_MAX;

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.bpf.o"));
/// What asks for lines of its own at each fork, exec and exit; attached before anything is decided by it.
const LIFECYCLE: [&str; 3] = ["policy__on_fork", "policy__on_exec", "policy__on_exit"];
const REQUESTS: [&str; 6] = [
    "policy__on_connect4",
    "policy__on_connect6",
    "policy__on_sendmsg4",
    "policy__on_sendmsg6",
    "policy__on_bind4",
    "policy__on_bind6",
];
pub const GUARDED_MAX: usize = 4;

#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Halves {
    low: u64,
    high: u64,
}

impl From<Mask> for Halves {
    fn from(mask: Mask) -> Self {
        Self {
            low: mask as u64,
            high: (mask >> 64) as u64,
        }
    }
}

impl From<Halves> for Mask {
    fn from(halves: Halves) -> Self {
        Mask::from(halves.high) << 64 | Mask::from(halves.low)
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Settings {
    pub connect: Halves,
    pub bind: Halves,
    pub tcp: Halves,
    pub udp: Halves,
    pub other: Halves,
    pub any_user: Halves,
    pub unknown_sure: Halves,
    pub denies: Halves,
    pub guarded: [u32; GUARDED_MAX],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Network {
    bits: u32,
    address: [u8; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Expected {
    inode: u64,
    pid: u32,
    zero: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawDenial {
    time_ns: u64,
    start_time_ns: u64,
    line: Halves,
    address: [u8; 16],
    pid: u32,
    user: u32,
    port: u16,
    protocol: u8,
    kind: u8,
    zero: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawRights([Halves; 4]);

/// What was counted since the policy came.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counters {
    pub denied: u64,
    pub unanswered: u64,
    pub untold: u64,
}

/// The layouts as this compiler makes them; `policy_layout` has the kernel side's.
#[cfg(test)]
const LAYOUT: [usize; 13] = [
    size_of::<RawRights>(),
    size_of::<Settings>(),
    std::mem::offset_of!(Settings, denies),
    std::mem::offset_of!(Settings, guarded),
    size_of::<Network>(),
    size_of::<Expected>(),
    size_of::<RawDenial>(),
    std::mem::offset_of!(RawDenial, line),
    std::mem::offset_of!(RawDenial, address),
    std::mem::offset_of!(RawDenial, pid),
    std::mem::offset_of!(RawDenial, port),
    std::mem::offset_of!(RawDenial, kind),
    size_of::<Counters>(),
];

/// The bytes of a plain struct.
fn bytes<T: Copy>(value: &T) -> &[u8] {
    // SAFETY: only the structs above come here: integers without padding between or behind them.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// A plain struct from at least as many bytes.
fn read<T: Copy>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: enough bytes are there, every pattern of bits is a value of the structs above, no alignment is assumed.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub time_ns: u64,
    pub start_time_ns: u64,
    pub line: Mask,
    pub address: IpAddr,
    pub port: u16,
    pub pid: u32,
    pub user: u32,
    /// IPPROTO_.
    pub protocol: u8,
    pub is_bind: bool,
}

/// What was read from the ring and not taken yet, and how many more there were.
type Refusals = Arc<Mutex<(Vec<Refused>, u64)>>;

/// What is to be in the maps.
pub struct Tables {
    pub settings: Settings,
    pub ports: Vec<Mask>,
    pub networks: Vec<(Cidr, Mask)>,
    pub users: Vec<(u32, Mask)>,
}

/// Loaded; dropping it detaches everything.
pub struct Kernel {
    /// Before the object: a program is detached before it is unloaded.
    links: Mutex<Vec<Link>>,
    object: Mutex<SendObject>,
    settings: MapHandle,
    processes: MapHandle,
    starting: MapHandle,
    counters: MapHandle,
    ring: Mutex<SendRing>,
    refusals: Refusals,
}

struct SendObject(Object);
// SAFETY: libbpf's object is used by one thread at a time, behind its lock; nothing in it belongs to a thread.
unsafe impl Send for SendObject {}

struct SendRing(RingBuffer<'static>);
// SAFETY: as above.
unsafe impl Send for SendRing {}

fn refused(error: impl std::fmt::Display) -> EnforceError {
    EnforceError::Bpf(error.to_string())
}

impl Kernel {
    pub fn load(tables: &Tables) -> Result<Self, EnforceError> {
        let mut builder = ObjectBuilder::default();
        let object = builder
            .open_memory(OBJECT)
            .and_then(libbpf_rs::OpenObject::load)
            .map_err(refused)?;
        let handle = |name: &str| MapHandle::try_from(&map(&object, name)?).map_err(refused);
        let refusals = Refusals::default();
        let sink = Arc::clone(&refusals);
        let denials = map(&object, "denials")?;
        let mut ring = RingBufferBuilder::new();
        ring.add(&denials, move |record| {
            if let Some(refused) = read::<RawDenial>(record) {
                let (waiting, untold) = &mut *sink.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.len() < DENIALS_MAX {
                    waiting.push(refused.into());
                } else {
                    *untold += 1;
                }
            }
            0
        })
        .map_err(refused)?;
        let kernel = Self {
            ring: Mutex::new(SendRing(ring.build().map_err(refused)?)),
            settings: handle("settings")?,
            processes: handle("processes")?,
            starting: handle("starting")?,
            counters: handle("counters")?,
            links: Mutex::default(),
            object: Mutex::new(SendObject(object)),
            refusals,
        };
        kernel.fill(tables)?;
        Ok(kernel)
    }

    fn fill(&self, tables: &Tables) -> Result<(), EnforceError> {
        self.set(&tables.settings)?;
        let object = self.object.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = map(&object.0, "ports")?;
        let keys: Vec<u8> = (0..tables.ports.len() as u32)
            .flat_map(u32::to_ne_bytes)
            .collect();
        let values: Vec<u8> = tables
            .ports
            .iter()
            .flat_map(|&mask| bytes(&Halves::from(mask)).to_vec())
            .collect();
        let count = tables.ports.len() as u32;
        ports
            .update_batch(&keys, &values, count, MapFlags::ANY, MapFlags::ANY)
            .map_err(refused)?;
        let networks = map(&object.0, "networks")?;
        for (network, mask) in &tables.networks {
            let key = Network {
                bits: u32::from(network.bits),
                address: network.address,
            };
            put(&networks, bytes(&key), &Halves::from(*mask))?;
        }
        let users = map(&object.0, "users")?;
        for (user, mask) in &tables.users {
            put(&users, &user.to_ne_bytes(), &Halves::from(*mask))?;
        }
        Ok(())
    }

    pub fn set(&self, settings: &Settings) -> Result<(), EnforceError> {
        put(&self.settings, &0_u32.to_ne_bytes(), settings)
    }

    /// What processes fit is kept from here on.
    pub fn follow_processes(&self) -> Result<(), EnforceError> {
        self.attach(&LIFECYCLE, &|program| program.attach())
    }

    /// Requests are decided from here on.
    pub fn decide(&self) -> Result<(), EnforceError> {
        let root = File::open(cgroup_root().ok_or(EnforceError::NoCgroup)?).map_err(refused)?;
        self.attach(&REQUESTS, &|program| program.attach_cgroup(root.as_raw_fd()))
    }

    fn attach(
        &self,
        names: &[&str],
        how: &dyn Fn(&mut libbpf_rs::ProgramMut<'_>) -> libbpf_rs::Result<Link>,
    ) -> Result<(), EnforceError> {
        let object = self.object.lock().unwrap_or_else(PoisonError::into_inner);
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        for mut program in object.0.progs_mut() {
            if names.iter().any(|&name| program.name() == name) {
                links.push(how(&mut program).map_err(refused)?);
            }
        }
        Ok(())
    }

    pub fn put_process(&self, pid: u32, rights: Rights) -> Result<(), EnforceError> {
        put(&self.processes, &pid.to_ne_bytes(), &raw(rights))
    }

    pub fn rights_of(&self, pid: u32) -> Option<Rights> {
        let found = self.processes.lookup(&pid.to_ne_bytes(), MapFlags::ANY).ok()??;
        let RawRights(masks) = read(&found)?;
        let [may, sure, child_may, child_sure] = masks.map(Mask::from);
        Some(Rights {
            may,
            sure,
            child_may,
            child_sure,
        })
    }

    pub fn knows_process(&self, pid: u32) -> bool {
        let found = self.processes.lookup(&pid.to_ne_bytes(), MapFlags::ANY);
        found.is_ok_and(|value| value.is_some())
    }

    pub fn expect(&self, pid: u32, inode: u64, rights: Rights) -> Result<(), EnforceError> {
        let key = Expected { inode, pid, zero: 0 };
        put(&self.starting, bytes(&key), &raw(rights))
    }

    pub fn counters(&self) -> Counters {
        let found = self.counters.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
        let mut counters: Counters = found
            .ok()
            .flatten()
            .and_then(|value| read(&value))
            .unwrap_or_default();
        counters.untold += self.refusals.lock().unwrap_or_else(PoisonError::into_inner).1;
        counters
    }

    /// What was refused since the last call.
    pub fn take_refused(&self) -> Vec<Refused> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = ring.0.consume() {
            tracing::error!(%error, "refused connections can't be read");
        }
        std::mem::take(&mut self.refusals.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The layouts as the BPF side has them.
    #[cfg(test)]
    fn layout(&self) -> Vec<usize> {
        let object = self.object.lock().unwrap();
        let section = object
            .0
            .maps()
            .find(|map| map.name().to_string_lossy().ends_with(".rodata"))
            .unwrap();
        let value = section
            .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
            .unwrap()
            .unwrap();
        let numbers = value
            .chunks_exact(4)
            .map(|four| u32::from_ne_bytes(four.try_into().unwrap()) as usize);
        numbers.take(LAYOUT.len()).collect()
    }
}

fn map<'a>(object: &'a Object, name: &str) -> Result<Map<'a>, EnforceError> {
    let found = object.maps().find(|map| map.name() == name);
    found.ok_or_else(|| EnforceError::Bpf(format!("the object has no map {name}")))
}

fn put<T: Copy>(map: &impl MapCore, key: &[u8], value: &T) -> Result<(), EnforceError> {
    map.update(key, bytes(value), MapFlags::ANY).map_err(refused)
}

fn raw(rights: Rights) -> RawRights {
    RawRights([rights.may, rights.sure, rights.child_may, rights.child_sure].map(Halves::from))
}

impl From<RawDenial> for Refused {
    fn from(raw: RawDenial) -> Self {
        const KIND_BIND: u8 = 3;
        Self {
            time_ns: raw.time_ns,
            start_time_ns: raw.start_time_ns,
            line: raw.line.into(),
            address: address(raw.address),
            port: raw.port,
            pid: raw.pid,
            user: raw.user,
            protocol: raw.protocol,
            is_bind: raw.kind == KIND_BIND,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs CAP_BPF, like the enforcement itself.
    #[test]
    fn both_sides_have_the_same_layout() {
        let tables = Tables {
            settings: Settings::default(),
            ports: vec![0; super::super::lines::PORTS],
            networks: Vec::new(),
            users: Vec::new(),
        };
        assert_eq!(Kernel::load(&tables).unwrap().layout(), LAYOUT);
    }

    #[test]
    fn a_mask_keeps_its_bits_in_halves() {
        let mask = (1 << 127) | (1 << 64) | 5;
        assert_eq!(Mask::from(Halves::from(mask)), mask);
        assert_eq!(Halves::from(1 << 64), Halves { low: 0, high: 1 });
    }
}
