//! The unix socket to Tyr: frames of a u32 little-endian length and a message. Connects again with back-off; nothing here
//! ever blocks.
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use norn_events::wire::agent::v1::{BaldurMessage, TyrMessage, baldur_message};
use prost::Message;

/// `local.proto`'s limit.
const FRAME_BYTES_MAX: usize = 8 << 20;
/// Bulk is taken from the outbox only while less than this waits for the socket.
const PENDING_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 64 * 1024;
const BACK_OFF_FIRST_NS: u64 = 100_000_000;
const BACK_OFF_MAX_NS: u64 = 2_000_000_000;

pub struct Link {
    path: PathBuf,
    stream: Option<UnixStream>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
    retry_at_ns: u64,
    back_off_ns: u64,
}

impl Link {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            stream: None,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            written: 0,
            retry_at_ns: 0,
            back_off_ns: BACK_OFF_FIRST_NS,
        }
    }

    pub fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.stream.as_ref().map(AsFd::as_fd)
    }

    /// Who listens: Tyr's pid, by the kernel's word.
    pub fn peer_pid(&self) -> Option<u32> {
        let credentials = getsockopt(self.stream.as_ref()?, PeerCredentials).ok()?;
        u32::try_from(credentials.pid()).ok().filter(|&pid| pid > 0)
    }

    /// True when a connection has just been made: say hello, then what is not acked.
    pub fn connect_if_due(&mut self, now_ns: u64) -> bool {
        if self.stream.is_some() || now_ns < self.retry_at_ns {
            return false;
        }
        let connected =
            UnixStream::connect(&self.path).and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
        match connected {
            Ok(stream) => {
                tracing::info!(path = %self.path.display(), "connected to tyr");
                self.stream = Some(stream);
                self.back_off_ns = BACK_OFF_FIRST_NS;
                true
            }
            Err(_) => {
                self.retry_at_ns = now_ns + self.back_off_ns;
                self.back_off_ns = (self.back_off_ns * 2).min(BACK_OFF_MAX_NS);
                false
            }
        }
    }

    pub fn has_room(&self) -> bool {
        self.stream.is_some() && self.pending() < PENDING_BYTES_MAX
    }

    pub fn wants_to_write(&self) -> bool {
        self.stream.is_some() && self.pending() > 0
    }

    fn pending(&self) -> usize {
        self.outgoing.len() - self.written
    }

    /// Queues a message. Dropped when nobody is connected: whoever cares sends it again after the next hello.
    pub fn send(&mut self, message: baldur_message::Message, seq: u64) {
        if self.stream.is_none() {
            return;
        }
        let message = BaldurMessage {
            message: Some(message),
            seq,
        };
        let length = message.encoded_len();
        if length > FRAME_BYTES_MAX {
            tracing::error!(
                length,
                max = FRAME_BYTES_MAX,
                "frame_too_large: a message to tyr was dropped"
            );
            return;
        }
        self.outgoing.extend_from_slice(&(length as u32).to_le_bytes());
        self.outgoing.extend_from_slice(&message.encode_to_vec());
    }

    /// Writes what the socket takes.
    pub fn flush(&mut self) {
        while let Some(stream) = self
            .stream
            .as_mut()
            .filter(|_| self.outgoing.len() > self.written)
        {
            match stream.write(&self.outgoing[self.written..]) {
                Ok(0) => return self.disconnect("it takes nothing"),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.disconnect(&error.to_string()),
            }
        }
        if self.written == self.outgoing.len() {
            self.outgoing.clear();
            self.outgoing.shrink_to(PENDING_BYTES_MAX);
            self.written = 0;
        } else if self.written > PENDING_BYTES_MAX {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }

    /// What Tyr has sent, complete messages only.
    pub fn receive(&mut self) -> Vec<TyrMessage> {
        let mut buffer = [0; READ_BYTES];
        while let Some(stream) = self.stream.as_mut() {
            match stream.read(&mut buffer) {
                Ok(0) => self.disconnect("tyr closed it"),
                Ok(length) => self.incoming.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.disconnect(&error.to_string()),
            }
            if self.incoming.len() > FRAME_BYTES_MAX {
                break;
            }
        }
        match take_messages(&mut self.incoming) {
            Ok(messages) => messages,
            Err(reason) => {
                self.disconnect(&reason);
                Vec::new()
            }
        }
    }

    pub fn disconnect(&mut self, reason: &str) {
        if self.stream.take().is_some() {
            tracing::warn!(reason, "the connection to tyr is gone");
        }
        self.incoming = Vec::new();
        self.outgoing = Vec::new();
        self.written = 0;
    }
}

fn take_messages(incoming: &mut Vec<u8>) -> Result<Vec<TyrMessage>, String> {
    let (mut messages, mut at) = (Vec::new(), 0);
    while let Some(head) = incoming.get(at..at + 4) {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(format!(
                "frame_too_large: {length} bytes, at most {FRAME_BYTES_MAX} are read"
            ));
        }
        let Some(body) = incoming.get(at + 4..at + 4 + length) else {
            break;
        };
        messages.push(TyrMessage::decode(body).map_err(|error| format!("frame_malformed: {error}"))?);
        at += 4 + length;
    }
    incoming.drain(..at);
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use norn_events::wire::agent::v1::tyr_message;

    fn frame(seq: u64) -> Vec<u8> {
        let body = TyrMessage {
            message: Some(tyr_message::Message::BatchAck(seq)),
        }
        .encode_to_vec();
        [&(body.len() as u32).to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn frames_that_come_in_pieces_are_put_together() {
        let all = [frame(1), frame(300), frame(7)].concat();
        let mut incoming = Vec::new();
        let mut taken = Vec::new();
        for byte in all {
            incoming.push(byte);
            taken.extend(take_messages(&mut incoming).unwrap());
        }
        let acks: Vec<_> = taken.into_iter().filter_map(|message| message.message).collect();
        assert_eq!(acks, [1, 300, 7].map(tyr_message::Message::BatchAck));
        assert!(incoming.is_empty());
    }

    #[test]
    fn a_frame_that_is_too_large_or_no_message_ends_the_connection() {
        assert!(
            take_messages(&mut u32::MAX.to_le_bytes().to_vec())
                .unwrap_err()
                .contains("frame_too_large")
        );
        assert!(
            take_messages(&mut vec![2, 0, 0, 0, 0xff, 0xff])
                .unwrap_err()
                .contains("frame_malformed")
        );
    }
}
