//! Follows each program that a hooked one starts, as the agent does.
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use norn_hook::calls;
use norn_inject::{Answerer, Call, Hooked, InjectError, Options, Wanted, hook_next};

use super::plans;

/// What came of a start.
pub type Outcome = Result<Hooked, InjectError>;

pub fn options() -> Options {
    let questioned = [&calls::DESTRUCTIVE[..], &[calls::EXECVE, calls::EXECVEAT]].concat();
    let wanted = Wanted {
        questioned,
        deadline: Duration::from_millis(200),
        ..Wanted::default()
    };
    Options {
        wanted,
        ..Options::default()
    }
}

/// Follows each program that is started, as the agent does.
pub struct Following {
    pub outcomes: Sender<Outcome>,
    /// The call, the file that it names, and whether that was there.
    pub asked: Sender<(u64, PathBuf, bool)>,
}

impl Answerer for Following {
    fn before(&mut self, call: &Call) {
        let path = PathBuf::from(String::from_utf8_lossy(&call.first).into_owned());
        let is_there = path.exists();
        let _ = self.asked.send((call.number, path, is_there));
        if ![calls::EXECVE, calls::EXECVEAT].contains(&call.number) {
            return;
        }
        let (tid, outcomes, asked) = (call.tid as i32, self.outcomes.clone(), self.asked.clone());
        let (hold, is_held) = channel();
        std::thread::spawn(move || {
            let next = Following {
                outcomes: outcomes.clone(),
                asked,
            };
            let what = (&options(), Box::new(next) as Box<dyn Answerer>);
            let outcome = hook_next(tid, plans(), what, || hold.send(()).unwrap_or_default());
            let _ = outcomes.send(outcome);
        });
        let _ = is_held.recv_timeout(Duration::from_millis(20));
    }
}
