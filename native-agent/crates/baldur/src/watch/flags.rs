//! Names for the bits and numbers of a row: what `flags`, `value` and an image's flags mean for its kind.
use norn_events::{EventKind, ExecFlag, ImageFlag, SensitiveFile};
use serde_json::{Map, Value, json};

/// A row's figures in words; empty when there is nothing to say.
pub fn decode(kind: EventKind, flags: u32, value: u64) -> Map<String, Value> {
    let mut decoded = Map::new();
    let mut put = |name: &str, value: Value| decoded.insert(name.to_owned(), value);
    match kind {
        EventKind::Exec => drop(put("flags", names(flags, EXEC))),
        EventKind::Fork => drop(put("flags", names(flags, CLONE))),
        EventKind::Unshare | EventKind::Setns => drop(put("flags", names(flags, CLONE))),
        EventKind::FileOpen => {
            put("flags", open_flags(flags));
            put("mode", octal(value));
        }
        EventKind::FileRead => {
            put("flags", open_flags(flags));
            put("class", json!(sensitive_file(value >> 32)));
            put("targetPid", json!(value as u32));
        }
        EventKind::FileTimes => drop(put("modifiedTimeUs", json!(value))),
        EventKind::FileFlags | EventKind::FileCapabilities => drop(put("bits", json!(format!("{value:#x}")))),
        EventKind::FileChmod | EventKind::FileMkdir => drop(put("mode", octal(value))),
        EventKind::FileChown => {
            put("userId", owner(value >> 32));
            put("groupId", owner(value & 0xffff_ffff));
        }
        EventKind::FileRename => drop(put("flags", names(flags, RENAME))),
        EventKind::FileLink => drop(put("symbolic", json!(flags == 1))),
        EventKind::FileUnlink => drop(put("directory", json!(flags == 1))),
        EventKind::FileTruncate => drop(put("size", json!(value))),
        EventKind::NetConnect | EventKind::NetAccept | EventKind::NetListen => {
            put("family", json!(family(flags >> 16)));
            put("protocol", json!(protocol(flags & 0xffff)));
            ports(kind, value, &mut put);
        }
        EventKind::StdioSocket => {
            put("descriptor", json!(flags));
            ports(kind, value, &mut put);
        }
        EventKind::Mount => drop(put("flags", names(flags, MOUNT))),
        EventKind::MemfdCreate => drop(put("flags", names(flags, MEMFD))),
        EventKind::ProcessWrite => drop(put("targetPid", json!(value))),
        EventKind::Bpf => {
            put("command", json!(flags));
            put("programType", json!(value));
        }
        EventKind::Ptrace => {
            put("request", json!(ptrace_request(flags)));
            put("targetPid", json!(value));
        }
        EventKind::Gap => {
            put("lost", json!(value));
            put(
                "where",
                json!(["", "critical ring", "bulk ring", "agent queue", "tyr spool"].get(flags as usize)),
            );
        }
        _ => {}
    }
    decoded
}

/// "SSH_KEY" for SensitiveFile::SshKey.
fn sensitive_file(class: u64) -> &'static str {
    let class = i32::try_from(class)
        .ok()
        .and_then(|class| SensitiveFile::try_from(class).ok());
    class
        .unwrap_or_default()
        .as_str_name()
        .trim_start_matches("SENSITIVE_FILE_")
}

pub fn image_flags(flags: u32) -> Value {
    names(flags, IMAGE)
}

const EXEC: &[(u32, &str)] = &[
    (ExecFlag::KilledAtExec as u32, "killed_at_exec"),
    (ExecFlag::RuntimeCopy as u32, "runtime_copy"),
];

const IMAGE: &[(u32, &str)] = &[
    (ImageFlag::UpperLayer as u32, "upper_layer"),
    (ImageFlag::Memfd as u32, "memfd"),
    (ImageFlag::Deleted as u32, "deleted"),
    (ImageFlag::Tmpfs as u32, "tmpfs"),
    (ImageFlag::Writable as u32, "writable"),
    (ImageFlag::Setuid as u32, "setuid"),
    (ImageFlag::New as u32, "new"),
];

const CLONE: &[(u32, &str)] = &[
    (libc::CLONE_VM as u32, "CLONE_VM"),
    (libc::CLONE_VFORK as u32, "CLONE_VFORK"),
    (libc::CLONE_NEWNS as u32, "CLONE_NEWNS"),
    (libc::CLONE_NEWUTS as u32, "CLONE_NEWUTS"),
    (libc::CLONE_NEWIPC as u32, "CLONE_NEWIPC"),
    (libc::CLONE_NEWUSER as u32, "CLONE_NEWUSER"),
    (libc::CLONE_NEWPID as u32, "CLONE_NEWPID"),
    (libc::CLONE_NEWNET as u32, "CLONE_NEWNET"),
    (libc::CLONE_NEWCGROUP as u32, "CLONE_NEWCGROUP"),
];

const RENAME: &[(u32, &str)] = &[
    (libc::RENAME_NOREPLACE, "RENAME_NOREPLACE"),
    (libc::RENAME_EXCHANGE, "RENAME_EXCHANGE"),
];

const MOUNT: &[(u32, &str)] = &[
    (libc::MS_RDONLY as u32, "MS_RDONLY"),
    (libc::MS_NOEXEC as u32, "MS_NOEXEC"),
    (libc::MS_NOSUID as u32, "MS_NOSUID"),
    (libc::MS_REMOUNT as u32, "MS_REMOUNT"),
    (libc::MS_BIND as u32, "MS_BIND"),
    (libc::MS_MOVE as u32, "MS_MOVE"),
    (libc::MS_PRIVATE as u32, "MS_PRIVATE"),
    (libc::MS_SHARED as u32, "MS_SHARED"),
];

const MEMFD: &[(u32, &str)] = &[
    (libc::MFD_CLOEXEC, "MFD_CLOEXEC"),
    (libc::MFD_ALLOW_SEALING, "MFD_ALLOW_SEALING"),
];

const OPEN: &[(u32, &str)] = &[
    (libc::O_CREAT as u32, "O_CREAT"),
    (libc::O_EXCL as u32, "O_EXCL"),
    (libc::O_TRUNC as u32, "O_TRUNC"),
    (libc::O_APPEND as u32, "O_APPEND"),
    (libc::O_TMPFILE as u32, "O_TMPFILE"),
    (libc::O_DIRECT as u32, "O_DIRECT"),
];

fn names(bits: u32, table: &[(u32, &str)]) -> Value {
    table
        .iter()
        .filter(|(bit, _)| bits & bit == *bit)
        .map(|(_, name)| *name)
        .collect()
}

fn open_flags(flags: u32) -> Value {
    let access = ["O_RDONLY", "O_WRONLY", "O_RDWR"]
        .get((flags & 3) as usize)
        .copied();
    let Value::Array(rest) = names(flags, OPEN) else {
        return Value::Null;
    };
    access.map(Value::from).into_iter().chain(rest).collect()
}

fn octal(mode: u64) -> Value {
    json!(format!("{mode:04o}"))
}

/// -1 leaves the owner as it is.
fn owner(id: u64) -> Value {
    if id == u64::from(u32::MAX) {
        Value::Null
    } else {
        json!(id)
    }
}

fn ports(kind: EventKind, value: u64, put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    if kind != EventKind::NetListen {
        put("remotePort", json!(value >> 16));
    }
    put("localPort", json!(value & 0xffff));
}

fn family(number: u32) -> String {
    match number as i32 {
        libc::AF_UNIX => "unix".to_owned(),
        libc::AF_INET => "inet".to_owned(),
        libc::AF_INET6 => "inet6".to_owned(),
        _ => number.to_string(),
    }
}

fn protocol(number: u32) -> String {
    match number as i32 {
        libc::IPPROTO_TCP => "tcp".to_owned(),
        libc::IPPROTO_UDP => "udp".to_owned(),
        _ => number.to_string(),
    }
}

fn ptrace_request(number: u32) -> String {
    match number {
        libc::PTRACE_TRACEME => "PTRACE_TRACEME".to_owned(),
        libc::PTRACE_ATTACH => "PTRACE_ATTACH".to_owned(),
        libc::PTRACE_SEIZE => "PTRACE_SEIZE".to_owned(),
        libc::PTRACE_POKETEXT => "PTRACE_POKETEXT".to_owned(),
        libc::PTRACE_POKEDATA => "PTRACE_POKEDATA".to_owned(),
        libc::PTRACE_SETREGS => "PTRACE_SETREGS".to_owned(),
        libc::PTRACE_SETREGSET => "PTRACE_SETREGSET".to_owned(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_is_told_in_words() {
        let decoded = decode(
            EventKind::FileOpen,
            (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u32,
            0o640,
        );
        assert_eq!(
            Value::Object(decoded),
            json!({"flags": ["O_WRONLY", "O_CREAT", "O_TRUNC"], "mode": "0640"})
        );
    }

    #[test]
    fn a_connection_is_told_in_words() {
        let flags = (libc::AF_INET as u32) << 16 | libc::IPPROTO_TCP as u32;
        let decoded = decode(EventKind::NetConnect, flags, 443 << 16 | 40_000);
        let expected = json!({"family": "inet", "protocol": "tcp", "remotePort": 443, "localPort": 40_000});
        assert_eq!(Value::Object(decoded), expected);
    }

    #[test]
    fn an_owner_that_stays_is_null() {
        let decoded = decode(EventKind::FileChown, 0, u64::from(u32::MAX) << 32 | 33);
        assert_eq!(Value::Object(decoded), json!({"userId": null, "groupId": 33}));
    }
}
