//! What is told of an application's calls, to whom, and the ends of its sockets, which a later call may be about.
use std::collections::HashMap;

use norn_events::{EventKind, Observer};

/// Sockets whose other end is remembered; they are forgotten all at once.
const SOCKETS_MAX: usize = 4_096;

type End = (u16, String, u16);

#[derive(Default)]
pub struct Sockets(HashMap<Vec<u8>, End>);

impl Sockets {
    pub fn remember(&mut self, socket: Vec<u8>, end: End) {
        if self.0.len() >= SOCKETS_MAX {
            self.0.clear();
        }
        self.0.insert(socket, end);
    }

    pub fn get(&self, socket: &[u8]) -> Option<End> {
        self.0.get(socket).cloned()
    }
}

/// Whom events are told to.
pub type Tell<'a, 'b> = [&'a mut (dyn Observer + 'b)];

/// An event without its process.
pub struct Said<'a> {
    pub kind: EventKind,
    pub flags: u32,
    pub value: u64,
    pub result: i32,
    pub path: &'a [u8],
    pub target: &'a [u8],
}

impl<'a> Said<'a> {
    pub fn of(kind: EventKind) -> Self {
        Self {
            kind,
            flags: 0,
            value: 0,
            result: 0,
            path: b"",
            target: b"",
        }
    }

    pub fn path(self, path: &'a [u8]) -> Self {
        Self { path, ..self }
    }

    pub fn target(self, target: &'a [u8]) -> Self {
        Self { target, ..self }
    }

    pub fn flags(self, flags: u32) -> Self {
        Self { flags, ..self }
    }

    pub fn value(self, value: u64) -> Self {
        Self { value, ..self }
    }

    pub fn result(self, result: i32) -> Self {
        Self { result, ..self }
    }
}
