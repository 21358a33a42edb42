//! What `baldur run` is told.
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use norn_inside::Account;

/// What the agent keeps of files at most, bytes, unless it is told otherwise.
const VAULT_BYTES_MAX: u64 = 1 << 30;

#[derive(Args)]
pub struct RunArguments {
    /// The unix socket that Tyr listens on; nobody need listen.
    #[arg(long, required_unless_present = "command")]
    pub(super) socket: Option<PathBuf>,
    /// Where the vault, the command journal and what was released are kept. Inside a container: /run/norn, /var/lib/norn or
    /// /dev/shm when it is not given.
    #[arg(long, required_unless_present = "command")]
    pub(super) state_dir: Option<PathBuf>,
    /// A host directory whose files have pre-images; may be given several times.
    #[arg(long)]
    pub(super) protect: Vec<PathBuf>,
    /// What --protect names and is not there counts as not protected, until it is.
    #[arg(long, conflicts_with = "command")]
    pub(super) tell_missing: bool,
    /// A host directory whose files have pre-images too, but whose changes are no sign of ransomware: where persistence is
    /// planted and administrators write; may be given several times.
    #[arg(long)]
    pub(super) keep: Vec<PathBuf>,
    /// A file that nobody but an attack changes, as its path or, for files of that name anywhere, as a name: the first change
    /// of it stops who did it; may be given several times. Norn makes no such files.
    #[arg(long, value_name = "PATH|NAME")]
    pub(super) canary: Vec<OsString>,
    /// Put the hook library into programs of this path or, for any of that name, of this name; may be given several times. Nobody is
    /// hooked unasked.
    #[arg(long, value_name = "PATH|NAME", conflicts_with = "command")]
    pub(super) hook: Vec<OsString>,
    /// Put it into processes that a reflex suspects, and all that they start: pre-images then exist before unlink, rename over and
    /// truncate.
    #[arg(long, conflicts_with = "command")]
    pub(super) hook_suspects: bool,
    /// Take no pre-images: nothing can be restored, and ransomware is not seen.
    #[arg(long)]
    pub(super) no_vault: bool,
    /// Reflexes stop only processes below this pid, and tell of all others; may be given several times. For trials on a
    /// machine that others use.
    #[arg(long, value_name = "PID")]
    pub(super) act_below: Vec<u32>,
    /// Inside a container: the application runs as this user (and group), in numbers.
    #[arg(long, value_name = "UID[:GID]", requires = "command", value_parser = parse_account)]
    pub(super) user: Option<Account>,
    /// Inside a container: what a reflex killed is not undone at once.
    #[arg(long, requires = "command")]
    pub(super) no_restore: bool,
    /// Inside a container: pre-images take at most this many bytes.
    #[arg(long, requires = "command", value_name = "BYTES", default_value_t = VAULT_BYTES_MAX)]
    pub(super) vault_bytes: u64,
    /// The socket of the container runtime, for an agent in a container with the host's pids: it works in the mount namespace
    /// of who listens there.
    #[arg(long, value_name = "SOCKET")]
    pub(super) mounts_of: Option<PathBuf>,
    /// Protects from within a container, without the host: the application to start and its arguments. --protect then names
    /// the only directories whose files have pre-images.
    #[arg(last = true)]
    pub(super) command: Vec<OsString>,
}

impl RunArguments {
    pub fn is_inside(&self) -> bool {
        !self.command.is_empty()
    }
}

/// "1000" or "1000:100".
fn parse_account(text: &str) -> Result<Account, String> {
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    let number = |part: &str| {
        part.parse()
            .map_err(|_| format!("{part:?} is no user id: give numbers, as 1000 or 1000:100"))
    };
    Ok(Account {
        user: number(user)?,
        group: number(group)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_user_and_a_group_in_numbers() {
        let both = Account {
            user: 1_000,
            group: 100,
        };
        assert_eq!(parse_account("1000:100"), Ok(both));
        assert_eq!(parse_account("7").map(|account| account.group), Ok(7));
        assert!(parse_account("www-data").is_err_and(|error| error.contains("numbers")));
    }
}
