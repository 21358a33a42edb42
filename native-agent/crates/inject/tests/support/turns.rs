//! In and out of a process at work, as often as `NORN_HOOK_TURNS` says (20).
use std::time::Duration;

use norn_inject::{InjectError, Left, Nothing, Options, inject};

use super::{calls_of, plans};

pub fn turns() -> usize {
    std::env::var("NORN_HOOK_TURNS").map_or(20, |text| text.parse().unwrap())
}

/// A turn in which the library was in.
pub struct Turn {
    /// How long the process held still for it.
    pub held: Duration,
    pub calls: usize,
}

/// In; what `during` does; out, and nothing is left. None at a moment at which the process is left alone: it did not notice that either.
pub fn turn(pid: i32, during: impl FnOnce()) -> Option<Turn> {
    let hooked = match inject(pid, plans(), &Options::default(), Box::new(Nothing)) {
        Ok(hooked) => hooked,
        Err(InjectError::Busy { .. }) => {
            during();
            return None;
        }
        Err(other) => panic!("{other}"),
    };
    during();
    let (held, calls) = (hooked.held(), calls_of(hooked.channel()).len());
    assert_eq!(hooked.eject().unwrap(), Left::Nothing);
    Some(Turn { held, calls })
}

pub fn print_held(name: &str, mut held: Vec<Duration>) {
    held.sort_unstable();
    println!(
        "{name}: held still for {:?} (half), {:?} (99 %)",
        held[held.len() / 2],
        held[held.len() * 99 / 100]
    );
}
