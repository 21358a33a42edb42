//! Loads the BPF object and attaches it: for each signal the first mechanism the kernel accepts, and never the loss of
//! all for the sake of one.
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use libbpf_rs::{Link, Map, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, ProgramMut};

use crate::signals::{DISPATCHER, ITERATOR, Mechanism, SIGNALS, Signal};
use crate::{ProbeError, ProbeOptions};

const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/norn.bpf.o"));

/// Which mechanism serves a signal, or why none does.
#[derive(Debug, Clone)]
pub struct Served {
    pub signal: &'static Signal,
    pub mechanism: Result<&'static Mechanism, String>,
}

/// What is loaded. Dropping it detaches everything.
pub struct Kernel {
    object: Object,
    links: Vec<Link>,
    pub served: Vec<Served>,
}

impl Kernel {
    pub fn load(options: &ProbeOptions) -> Result<Self, ProbeError> {
        if !Path::new("/sys/kernel/btf/vmlinux").exists() {
            return Err(ProbeError::NoBtf);
        }
        quiet_libbpf();
        let best: Vec<Served> = SIGNALS
            .iter()
            .map(|signal| Served {
                signal,
                mechanism: Ok(&signal.mechanisms[0]),
            })
            .collect();
        let (object, served) = match load_with(options, &best) {
            Ok(object) => (object, best),
            Err(refused) => load_what_can_be(options, &refused)?,
        };
        Ok(Self {
            object,
            links: Vec::new(),
            served,
        })
    }

    /// Attaches lifecycle first and the dispatcher of system calls last, when its table is filled.
    pub fn attach(&mut self) -> Result<(), ProbeError> {
        let mut dispatched = false;
        for at in 0..self.served.len() {
            let Ok(mechanism) = self.served[at].mechanism else {
                continue;
            };
            if let Err(error) = self.attach_mechanism(mechanism) {
                if self.served[at].signal.core {
                    return Err(error);
                }
                self.served[at].mechanism = Err(error.to_string());
                continue;
            }
            dispatched |= !mechanism.calls.is_empty();
        }
        if dispatched {
            self.attach_program(DISPATCHER)?;
        }
        Ok(())
    }

    fn attach_mechanism(&mut self, mechanism: &Mechanism) -> Result<(), ProbeError> {
        // The iterator has its link from `attach_alone`.
        for program in mechanism.attached.iter().filter(|&&program| program != ITERATOR) {
            self.attach_program(program)?;
        }
        let calls = self.map("calls")?;
        for (number, program) in mechanism.calls {
            let fd = self.program(program)?.as_fd().as_raw_fd();
            calls
                .update(&(*number as u32).to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
                .map_err(|error| ProbeError::NotAttached {
                    program: (*program).to_owned(),
                    reason: error.to_string(),
                })?;
        }
        Ok(())
    }

    fn attach_program(&mut self, name: &str) -> Result<(), ProbeError> {
        let link = self
            .program(name)?
            .attach()
            .map_err(|error| ProbeError::NotAttached {
                program: name.to_owned(),
                reason: error.to_string(),
            })?;
        self.links.push(link);
        Ok(())
    }

    fn program(&self, name: &str) -> Result<ProgramMut<'_>, ProbeError> {
        self.object
            .progs_mut()
            .find(|program| program.name() == OsStr::new(name))
            .ok_or_else(|| ProbeError::NotLoaded(format!("the object has no program {name}")))
    }

    /// A map by name, as a handle of its own.
    pub fn map(&self, name: &str) -> Result<MapHandle, ProbeError> {
        let map: Map<'_> = self
            .object
            .maps()
            .find(|map| map.name() == OsStr::new(name))
            .ok_or_else(|| ProbeError::NotLoaded(format!("the object has no map {name}")))?;
        MapHandle::try_from(&map).map_err(|error| ProbeError::NotLoaded(error.to_string()))
    }

    /// The link of a program that has been attached alone: the iterator's.
    pub fn attach_alone(&self, name: &str) -> Result<Link, ProbeError> {
        self.program(name)?
            .attach()
            .map_err(|error| ProbeError::NotAttached {
                program: name.to_owned(),
                reason: error.to_string(),
            })
    }
}

/// libbpf's own messages go to the log, at debug: its hints mislead ("raise ulimit -l" where a probe type is not allowed).
fn quiet_libbpf() {
    libbpf_rs::set_print(Some((libbpf_rs::PrintLevel::Info, |_, message| {
        tracing::debug!(target: "libbpf", "{}", message.trim_end());
    })));
}

/// The object with the programs of these mechanisms and no others.
fn load_with(options: &ProbeOptions, served: &[Served]) -> Result<Object, libbpf_rs::Error> {
    let mut wanted: BTreeSet<&str> = BTreeSet::from([DISPATCHER]);
    for mechanism in served.iter().filter_map(|served| served.mechanism.as_ref().ok()) {
        wanted.extend(mechanism.attached);
        wanted.extend(mechanism.calls.iter().map(|(_, program)| program));
    }
    let mut open = ObjectBuilder::default().open_memory(OBJECT)?;
    for mut program in open.progs_mut() {
        let load = program.name().to_str().is_some_and(|name| wanted.contains(name));
        program.set_autoload(load);
    }
    for mut map in open.maps_mut() {
        match map.name().to_str() {
            Some("critical_ring") => map.set_max_entries(options.critical_ring_bytes)?,
            Some("bulk_ring") => map.set_max_entries(options.bulk_ring_bytes)?,
            _ => {}
        }
    }
    open.load()
}

/// Some program was refused: the core must load, everything else is tried beside it, one signal at a time.
fn load_what_can_be(
    options: &ProbeOptions,
    refused: &libbpf_rs::Error,
) -> Result<(Object, Vec<Served>), ProbeError> {
    let none = |signal| Served {
        signal,
        mechanism: Err("not tried".to_owned()),
    };
    let mut served: Vec<Served> = SIGNALS.iter().map(none).collect();
    for core in [true, false] {
        for at in (0..SIGNALS.len()).filter(|&at| SIGNALS[at].core == core) {
            served[at].mechanism = first_accepted(options, &served, at);
            if let (true, Err(reason)) = (core, &served[at].mechanism) {
                return Err(not_loaded(refused, reason));
            }
        }
    }
    let object = load_with(options, &served).map_err(|error| not_loaded(refused, &error.to_string()))?;
    Ok((object, served))
}

fn first_accepted(
    options: &ProbeOptions,
    served: &[Served],
    at: usize,
) -> Result<&'static Mechanism, String> {
    let mut reason = String::new();
    for mechanism in SIGNALS[at].mechanisms {
        let mut trial: Vec<Served> = served
            .iter()
            .filter(|other| other.signal.core && other.mechanism.is_ok())
            .cloned()
            .collect();
        trial.push(Served {
            signal: &SIGNALS[at],
            mechanism: Ok(mechanism),
        });
        match load_with(options, &trial) {
            Ok(_) => return Ok(mechanism),
            Err(error) => reason = format!("the kernel refused {}: {error}", mechanism.name),
        }
    }
    Err(reason)
}

fn not_loaded(refused: &libbpf_rs::Error, reason: &str) -> ProbeError {
    if refused.kind() == libbpf_rs::ErrorKind::PermissionDenied && !nix::unistd::geteuid().is_root() {
        return ProbeError::NotPermitted(refused.to_string());
    }
    ProbeError::NotLoaded(reason.to_owned())
}
