//! `baldur run`: protects this host. Works alone; tells Tyr when there is one.
mod application;
mod arguments;
mod daemon;
mod deferred;
mod enforcement;
mod first_acts;
mod health;
mod host_mounts;
mod insight;
mod isolation;
mod keeper;
mod link;
mod outbox;
mod own_network;
mod policy;
mod reaction;
mod restorer;
mod sensor;
mod state;
#[cfg(test)]
mod testing;
mod trace;
mod withheld;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use application::Application;
pub use arguments::RunArguments;
use daemon::{Daemon, Listing, Timers};
use deferred::Deferred;
use enforcement::Enforcement;
use first_acts::FirstActs;
use host_mounts::enter_mounts_of;
use isolation::Isolations;
pub use isolation::{RejoinArguments, lift_all};
use keeper::Keeper;
use link::Link;
use nix::sys::signal::Signal;
use norn_commands::Commands;
use norn_events::{BatchBuilder, BatchIdentity};
use norn_hooked::{HookOptions, Hooks};
use norn_os::Waiter;
use norn_os::clock::boot_ns;
use norn_programs::Packages;
use norn_reflex::{Clock, Reflexes};
use norn_respond::Responder;
use norn_tamper::{Own, Tamper, give_up};
use norn_vault::{OPEN_WAITS, VaultOptions};
use outbox::Outbox;
use own_network::OwnNetwork;
pub use own_network::own_capability as isolation_capability;
use policy::Modes;
use reaction::Reactions;
use sensor::Sensor;
use state::StateDir;
use trace::Traces;
use withheld::Withheld;

use crate::lifeline::Lifeline;

/// What the vault keeps on disk at most, bytes, until a policy says otherwise.
const VAULT_BYTES_MAX: u64 = 2 << 30;
/// Batches kept when there is no socket to send them to: findings are in the log.
const OUTBOX_BYTES_UNHEARD: usize = 1 << 20;

/// # Errors
/// When the state directory can't be had, or another agent holds it. What the kernel refuses is no error: the agent says
/// so in its capabilities and does the rest.
pub fn run(arguments: RunArguments) -> anyhow::Result<i32> {
    let (application, parts) = if arguments.is_inside() {
        let (application, parts) = open_inside(&arguments)?;
        (Some(application), parts)
    } else {
        (None, open_host(&arguments)?)
    };
    let Parts {
        state,
        waiter,
        keeper,
        mut sensor,
    } = parts;
    let reflexes = open_reflexes(&state, arguments.canary, application.is_some())?;
    let mut responder = Responder::default();
    state.load_frozen(&mut responder)?;
    let stream_id = trace::random()?;
    let wall_offset_ns = sensor.wall_offset_ns();
    let identity = BatchIdentity {
        stream_id,
        boot_id: sensor.boot_id(),
        wall_offset_ns,
    };
    let enforcement = Enforcement::new(&state, &sensor, waiter.waker());
    let options = HookOptions {
        suspects: arguments.hook_suspects,
        programs: arguments.hook,
    };
    let hooks = Hooks::new(options, waiter.waker());
    let daemon = Daemon {
        tamper: open_tamper(own_of(&state), &mut sensor),
        hooks,
        enforcement,
        isolations: Isolations::open(&state, &identity.boot_id)?,
        first_acts: FirstActs::open(&state)?,
        commands: Commands::open(state.path())?,
        builder: BatchBuilder::new(identity)?,
        withheld: Withheld::default(),
        clock: Clock {
            boot_unix_ns: wall_offset_ns.max(0) as u64,
        },
        outbox: match arguments.socket {
            Some(_) => Outbox::default(),
            None => Outbox::of(OUTBOX_BYTES_UNHEARD),
        },
        link: Link::new(arguments.socket.unwrap_or_default()),
        own_network: OwnNetwork::open(&state, application.is_some())?,
        lifeline: Lifeline::start(application.is_none()),
        application,
        traces: Traces::new()?,
        reactions: Reactions::default(),
        modes: Modes::default(),
        act_below: arguments.act_below,
        kept: arguments.keep,
        deferred: Deferred::default(),
        listing: Listing::default(),
        timers: Timers::new(boot_ns()),
        sensor,
        keeper,
        reflexes,
        responder,
        state,
        waiter,
        stream_id,
    };
    // Inside a container those who are judged wait.
    if daemon.application.is_none()
        && let Err(error) = norn_respond::raise_own_thread()
    {
        tracing::warn!(%error, "priority_refused: on a busy machine a stop comes milliseconds later");
    }
    Ok(daemon.run())
}

fn own_of(state: &StateDir) -> Own {
    Own::new(state.path().to_owned())
}

/// Who is inside a container has no host to be safe on.
fn open_tamper(own: Own, sensor: &mut Sensor) -> Tamper {
    if let Sensor::Inside(_) = sensor {
        return Tamper::off();
    }
    let boot_unix_ns = sensor.wall_offset_ns().max(0) as u64;
    let mut holdings = sensor.take_holdings();
    let missing = move |pids: &[u32]| holdings.as_mut().map(|held| held.look(pids)).unwrap_or_default();
    Tamper::new(own, Box::new(missing), boot_unix_ns)
}

fn open_reflexes(state: &StateDir, canaries: Vec<OsString>, inside: bool) -> anyhow::Result<Reflexes> {
    // The kernel's samples are of the whole machine.
    let source = if inside { None } else { insight::open() };
    let mut reflexes = Reflexes::new(Box::new(Packages::default()), source);
    reflexes.set_released(state.load_released()?);
    reflexes.guard(vec![std::process::id()]);
    reflexes.set_canaries(canaries.into_iter().map(OsString::into_vec).collect());
    Ok(reflexes)
}

/// What differs between a host and a container.
struct Parts {
    state: StateDir,
    waiter: Waiter,
    keeper: Keeper,
    sensor: Sensor,
}

fn open_host(arguments: &RunArguments) -> anyhow::Result<Parts> {
    if let Err(error) = give_up(arguments.hook_suspects || !arguments.hook.is_empty()) {
        tracing::warn!(%error, "rights_kept: the agent runs with more than it needs");
    }
    if let Some(socket) = &arguments.mounts_of {
        enter_mounts_of(socket)?;
    }
    let waiter = Waiter::new(&[Signal::SIGTERM, Signal::SIGINT])?;
    let state = StateDir::open(arguments.state_dir.as_deref().unwrap_or(Path::new("")))?;
    // First, and in a thread of its own: the kernel takes a second to verify the sensor, and files change meanwhile.
    let keeper = open_vault(arguments, &state, &waiter);
    let sensor = Sensor::start(own_of(&state).key());
    Ok(Parts {
        state,
        waiter,
        keeper,
        sensor,
    })
}

fn open_inside(arguments: &RunArguments) -> anyhow::Result<(Application, Parts)> {
    let state = StateDir::open(&application::state_dir(arguments.state_dir.clone()))?;
    // The application starts with the signals as they were, and while this process has one thread.
    let (application, inside) = Application::start(arguments, state.path())?;
    let waiter = Waiter::new(&[&application::FORWARDED[..], &[Signal::SIGCHLD]].concat())?;
    let keeper = Keeper::inside(inside.vault());
    let sensor = Sensor::Inside(Box::new(inside));
    let parts = Parts {
        state,
        waiter,
        keeper,
        sensor,
    };
    Ok((application, parts))
}

fn open_vault(arguments: &RunArguments, state: &StateDir, waiter: &Waiter) -> Keeper {
    if arguments.no_vault {
        return Keeper::Absent("started with --no-vault".to_owned());
    }
    let expected = match arguments.tell_missing {
        true => arguments.protect.clone(),
        false => Vec::new(),
    };
    let options = VaultOptions {
        dir: state.vault(),
        bytes_max: VAULT_BYTES_MAX,
        protected: [&arguments.protect[..], &arguments.keep].concat(),
        expected,
        open_waits: OPEN_WAITS,
    };
    Keeper::open(options, waiter.waker())
}
