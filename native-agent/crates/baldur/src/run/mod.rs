//! `baldur run`: protects this host. Works alone; tells Tyr when there is one.
mod application;
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
use std::path::{Path, PathBuf};

use application::Application;
use clap::Args;
use daemon::{Daemon, Listing, Timers};
use deferred::Deferred;
use enforcement::Enforcement;
use first_acts::FirstActs;
use host_mounts::enter_mounts_of;
use isolation::Isolations;
use keeper::Keeper;
use link::Link;
use nix::sys::signal::Signal;
use norn_commands::Commands;
use norn_events::{BatchBuilder, BatchIdentity};
use norn_hooked::{HookOptions, Hooks};
use norn_inside::Account;
use norn_os::Waiter;
use norn_os::clock::boot_ns;
use norn_programs::Packages;
use norn_reflex::{Clock, Reflexes};
use norn_respond::Responder;
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

/// What the vault keeps on disk at most, bytes, until a policy says otherwise.
const VAULT_BYTES_MAX: u64 = 2 << 30;
/// Batches kept when there is no socket to send them to: findings are in the log.
const OUTBOX_BYTES_UNHEARD: usize = 1 << 20;

#[derive(Args)]
pub struct RunArguments {
    /// The unix socket that Tyr listens on; nobody need listen.
    #[arg(long, required_unless_present = "command")]
    socket: Option<PathBuf>,
    /// Where the vault, the command journal and what was released are kept. Inside a container: /run/norn, /var/lib/norn or
    /// /dev/shm when it is not given.
    #[arg(long, required_unless_present = "command")]
    state_dir: Option<PathBuf>,
    /// A host directory whose files have pre-images; may be given several times.
    #[arg(long)]
    protect: Vec<PathBuf>,
    /// What --protect names and is not there counts as not protected, until it is.
    #[arg(long, conflicts_with = "command")]
    tell_missing: bool,
    /// A host directory whose files have pre-images too, but whose changes are no sign of ransomware: where persistence is
    /// planted and administrators write; may be given several times.
    #[arg(long)]
    keep: Vec<PathBuf>,
    /// A file that nobody but an attack changes, as its path or, for files of that name anywhere, as a name: the first change
    /// of it stops who did it; may be given several times. Norn makes no such files.
    #[arg(long, value_name = "PATH|NAME")]
    canary: Vec<OsString>,
    /// Put the hook library into programs of this path or, for any of that name, of this name; may be given several times. Nobody is
    /// hooked unasked.
    #[arg(long, value_name = "PATH|NAME", conflicts_with = "command")]
    hook: Vec<OsString>,
    /// Put it into processes that a reflex suspects, and all that they start: pre-images then exist before unlink, rename over and
    /// truncate.
    #[arg(long, conflicts_with = "command")]
    hook_suspects: bool,
    /// Take no pre-images: nothing can be restored, and ransomware is not seen.
    #[arg(long)]
    no_vault: bool,
    /// Reflexes stop only processes below this pid, and tell of all others; may be given several times. For trials on a
    /// machine that others use.
    #[arg(long, value_name = "PID")]
    act_below: Vec<u32>,
    /// Inside a container: the application runs as this user (and group), in numbers.
    #[arg(long, value_name = "UID[:GID]", requires = "command", value_parser = application::parse_account)]
    user: Option<Account>,
    /// Inside a container: what a reflex killed is not undone at once.
    #[arg(long, requires = "command")]
    no_restore: bool,
    /// Inside a container: pre-images take at most this many bytes.
    #[arg(long, requires = "command", value_name = "BYTES", default_value_t = application::VAULT_BYTES_MAX)]
    vault_bytes: u64,
    /// The socket of the container runtime, for an agent in a container with the host's pids: it works in the mount namespace
    /// of who listens there.
    #[arg(long, value_name = "SOCKET")]
    mounts_of: Option<PathBuf>,
    /// Protects from within a container, without the host: the application to start and its arguments. --protect then names
    /// the only directories whose files have pre-images.
    #[arg(last = true)]
    command: Vec<OsString>,
}

impl RunArguments {
    pub fn is_inside(&self) -> bool {
        !self.command.is_empty()
    }
}

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
        sensor,
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
    if let Some(socket) = &arguments.mounts_of {
        enter_mounts_of(socket)?;
    }
    let waiter = Waiter::new(&[Signal::SIGTERM, Signal::SIGINT])?;
    let state = StateDir::open(arguments.state_dir.as_deref().unwrap_or(Path::new("")))?;
    // First, and in a thread of its own: the kernel takes a second to verify the sensor, and files change meanwhile.
    let keeper = open_vault(arguments, &state, &waiter);
    let sensor = Sensor::start();
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
