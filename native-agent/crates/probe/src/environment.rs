//! Which variables of an environment travel with an image: those that change what a program does or hide what a person did, and those
//! that say where a session came from. Others may hold secrets and stay where they are.

const NAMES: [&str; 24] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "HISTFILE",
    "HISTSIZE",
    "HISTFILESIZE",
    "HISTCONTROL",
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PERL5OPT",
    "RUBYOPT",
    "NODE_OPTIONS",
    "JAVA_TOOL_OPTIONS",
    "GCONV_PATH",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "SSH_CONNECTION",
    "SUDO_USER",
    "SUDO_COMMAND",
];
/// Of one variable with its name; longer ones are cut.
const VARIABLE_BYTES_MAX: usize = 256;
/// Of all together.
const BYTES_MAX: usize = 1_024;

/// `environment` has a zero byte behind each variable, and may end in the middle of one. One a line into `chosen`.
pub fn choose(chosen: &mut Vec<u8>, environment: &[u8]) {
    chosen.clear();
    for variable in environment.split(|&byte| byte == 0) {
        let Some(equals) = variable.iter().position(|&byte| byte == b'=') else {
            continue;
        };
        let (name, value) = (&variable[..equals], &variable[equals + 1..]);
        if value.is_empty() || !NAMES.iter().any(|known| known.as_bytes() == name) {
            continue;
        }
        if chosen.len() + VARIABLE_BYTES_MAX + 1 > BYTES_MAX {
            return;
        }
        if !chosen.is_empty() {
            chosen.push(b'\n');
        }
        let room = chosen.len() + VARIABLE_BYTES_MAX;
        chosen.extend_from_slice(&variable[..=equals]);
        // A line each.
        chosen.extend(without_login(value).map(|byte| if byte == b'\n' { b' ' } else { byte }));
        chosen.truncate(room);
    }
}

/// A proxy may be given with a name and a password: "http://user:secret@proxy".
fn without_login(value: &[u8]) -> impl Iterator<Item = u8> {
    let scheme = value
        .windows(3)
        .position(|part| part == b"://")
        .map_or(0, |at| at + 3);
    let login = value[scheme..].iter().position(|&byte| byte == b'@');
    let rest = scheme + login.filter(|_| scheme > 0).map_or(0, |at| at + 1);
    value[..scheme].iter().chain(&value[rest..]).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(environment: &[u8]) -> String {
        let mut chosen = Vec::new();
        choose(&mut chosen, environment);
        String::from_utf8(chosen).unwrap()
    }

    #[test]
    fn only_known_names_travel_and_each_has_a_line() {
        let environment =
            b"PATH=/bin\0LD_PRELOAD=/tmp/x.so\0AWS_SECRET_ACCESS_KEY=k\0HISTFILE=/dev/null\0LD_PRELOA";
        assert_eq!(chosen(environment), "LD_PRELOAD=/tmp/x.so\nHISTFILE=/dev/null");
        assert_eq!(chosen(b"HISTFILE=\0PROMPT_COMMAND=a\nb\0"), "PROMPT_COMMAND=a b");
        assert_eq!(chosen(b""), "");
    }

    #[test]
    fn the_login_of_a_proxy_stays_where_it_is() {
        let environment = b"http_proxy=http://eve:secret@proxy:3128\0SSH_CONNECTION=a@b 1 c 22\0";
        assert_eq!(
            chosen(environment),
            "http_proxy=http://proxy:3128\nSSH_CONNECTION=a@b 1 c 22"
        );
    }

    #[test]
    fn what_is_long_is_cut() {
        let variable = [b"ENV=".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(chosen(&variable).len(), VARIABLE_BYTES_MAX);
        let many = [variable.as_slice(), b"\0"].concat().repeat(9);
        assert!(chosen(&many).len() <= BYTES_MAX);
    }
}
