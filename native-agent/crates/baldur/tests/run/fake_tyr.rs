//! A fake Tyr: listens on the socket, keeps what Baldur says, sends commands. For tests only.
#![allow(dead_code, reason = "each of the test programs needs a part of it")]
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use norn_events::wire::action::v1::{Command, Outcome, OutcomeState};
use norn_events::wire::agent::v1::{BaldurHello, BaldurMessage, TyrMessage, baldur_message, tyr_message};
use norn_events::wire::event::v1::EventBatch;
use norn_events::{ReadBatch, read_batch};
use prost::Message;

const PATIENCE: Duration = Duration::from_secs(120);

/// A directory, a listening socket in it, and the Baldur that runs there.
pub struct Stage {
    pub dir: PathBuf,
    listener: UnixListener,
    baldur: Option<Child>,
    arguments: Vec<String>,
}

impl Stage {
    /// Others use this machine: reflexes may stop only what this test started.
    pub fn new(name: &str, arguments: &[&str]) -> Self {
        let own = std::process::id().to_string();
        Self::acting_everywhere(name, &[&["--act-below", &own], arguments].concat())
    }

    /// As an agent in earnest: a wrong stop may hit any process of this machine.
    pub fn acting_everywhere(name: &str, arguments: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("norn-run-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let listener = UnixListener::bind(dir.join("tyr.sock")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self {
            dir,
            listener,
            baldur: None,
            arguments,
        }
    }

    pub fn start_baldur(&mut self) {
        self.baldur = Some(baldur(&self.dir, &self.arguments));
    }

    pub fn child(&mut self) -> &mut Child {
        self.baldur.as_mut().expect("baldur was started")
    }

    /// SIGKILL: no farewell.
    pub fn kill_baldur(&mut self) {
        let mut child = self.baldur.take().expect("baldur was started");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The next connection, after its hello.
    pub fn accept(&self) -> (FakeTyr, BaldurHello) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut tyr = FakeTyr {
                    stream,
                    said: Vec::new(),
                };
                let hello = tyr.until("hello", |message| match message {
                    baldur_message::Message::Hello(hello) => Some(hello.clone()),
                    _ => None,
                });
                return (tyr, hello);
            }
            assert!(Instant::now() < deadline, "baldur never connected");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(child) = self.baldur.as_mut() {
            let _gone = child.kill();
            let _status = child.wait();
        }
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

fn baldur(dir: &Path, arguments: &[String]) -> Child {
    Program::new(env!("CARGO_BIN_EXE_baldur"))
        .arg("run")
        .arg("--socket")
        .arg(dir.join("tyr.sock"))
        .arg("--state-dir")
        .arg(dir.join("state"))
        .args(arguments)
        .stderr(Stdio::from(
            std::fs::File::create(dir.join("baldur.log")).unwrap(),
        ))
        .spawn()
        .unwrap()
}

pub struct FakeTyr {
    stream: UnixStream,
    /// Everything heard on this connection, in order.
    pub said: Vec<BaldurMessage>,
}

impl FakeTyr {
    /// Listens until a message is what is looked for; what was heard before counts too.
    pub fn until<T>(&mut self, what: &str, mut find: impl FnMut(&baldur_message::Message) -> Option<T>) -> T {
        let mut seen = 0;
        let deadline = Instant::now() + PATIENCE;
        loop {
            for message in &self.said[seen..] {
                if let Some(found) = message.message.as_ref().and_then(&mut find) {
                    return found;
                }
            }
            seen = self.said.len();
            assert!(Instant::now() < deadline, "never heard: {what}");
            let message = self
                .hear()
                .unwrap_or_else(|error| panic!("never heard: {what} ({error})"));
            self.said.push(message);
        }
    }

    /// Hello is said again when the vault is open: what is changed from then on can be restored.
    pub fn until_files_are_kept(&mut self) {
        self.until("a hello with a vault", |message| match message {
            baldur_message::Message::Hello(hello) => hello
                .capabilities
                .iter()
                .any(|capability| capability.name == "file.preimage.host" && capability.available)
                .then_some(()),
            _ => None,
        });
    }

    pub fn hear(&mut self) -> std::io::Result<BaldurMessage> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut body = vec![0; u32::from_le_bytes(length) as usize];
        self.stream.read_exact(&mut body)?;
        BaldurMessage::decode(body.as_slice()).map_err(std::io::Error::other)
    }

    pub fn say(&mut self, message: tyr_message::Message) {
        let body = TyrMessage {
            message: Some(message),
        }
        .encode_to_vec();
        self.stream.write_all(&(body.len() as u32).to_le_bytes()).unwrap();
        self.stream.write_all(&body).unwrap();
    }

    pub fn command(&mut self, command: &Command) {
        self.say(tyr_message::Message::Command(command.clone()));
    }

    /// The final outcome of a command.
    pub fn outcome(&mut self, id: &str) -> Outcome {
        self.until("a final outcome", |message| match message {
            baldur_message::Message::Outcome(outcome)
                if outcome.command_id == id && outcome.state() != OutcomeState::Running =>
            {
                Some(outcome.clone())
            }
            _ => None,
        })
    }

    /// The batch with the first row of this process, or the reason why there is none.
    pub fn process(&mut self, pid: u32) -> [u8; 16] {
        self.until("an event of the process", |message| {
            let (_, batch) = as_batch(message)?;
            batch
                .processes
                .iter()
                .find(|process| process.pid == pid)
                .map(|process| process.uid)
        })
    }
}

pub fn as_batch(message: &baldur_message::Message) -> Option<(EventBatch, ReadBatch)> {
    let baldur_message::Message::Batch(bytes) = message else {
        return None;
    };
    let batch = EventBatch::decode(bytes.as_slice()).unwrap();
    let rows = read_batch(&batch).unwrap();
    Some((batch, rows))
}
