//! Which script an interpreter was started to run. That perl is a package's says nothing of what it runs; a script that is one's says it.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Interpreters whose options are known here, with those that bring in no code and take no value. A version may follow the name.
const INTERPRETERS: [(&str, &str); 6] = [
    ("perl", "wWtTX"),
    ("python", "BEIOPSsu"),
    ("sh", "efnux"),
    ("dash", "efnux"),
    ("bash", "efnpux"),
    ("busybox", "efnux"),
];

/// Variables that make a program run what it does not bring along.
const INFLUENCES: [&str; 17] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "GCONV_PATH",
    "PERL5OPT",
    "PERL5LIB",
    "PERLLIB",
    "PERL5DB",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONUSERBASE",
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
];

/// The script of the program at `image`, given its `arguments` with a zero byte behind each. Empty where there is none, where other
/// code comes beside it, and where the arguments joined by spaces, as rules see them, could be read otherwise.
pub fn of<'a>(image: &[u8], arguments: &'a [u8]) -> &'a [u8] {
    let Some(harmless) = harmless_options(image) else {
        return b"";
    };
    let mut arguments = arguments.split(|&byte| byte == 0);
    let name = arguments.next().unwrap_or_default();
    if is_spaced(name) {
        return b"";
    }
    for argument in arguments {
        match argument {
            [b'/', ..] if !is_spaced(argument) => return argument,
            [b'-', options @ ..] if !options.is_empty() && is_all_of(options, harmless) => {}
            _ => return b"",
        }
    }
    b""
}

fn harmless_options(image: &[u8]) -> Option<&'static str> {
    let name = image.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let is_version = |rest: &[u8]| rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    INTERPRETERS
        .iter()
        .find(|(known, _)| name.strip_prefix(known.as_bytes()).is_some_and(is_version))
        .map(|(_, harmless)| *harmless)
}

fn is_all_of(options: &[u8], harmless: &str) -> bool {
    options.iter().all(|option| harmless.as_bytes().contains(option))
}

fn is_spaced(argument: &[u8]) -> bool {
    argument.iter().any(|byte| byte.is_ascii_whitespace())
}

/// The kernel side takes no more of an environment, bytes.
const ENVIRONMENT_BYTES_MAX: usize = 3_072;

/// Whether `environment`, a zero byte behind each variable, brings other code in, or is longer than was looked at.
pub fn is_influenced(environment: &[u8]) -> bool {
    environment.len() >= ENVIRONMENT_BYTES_MAX || environment.split(|&byte| byte == 0).any(is_influence)
}

fn is_influence(variable: &[u8]) -> bool {
    // A shell's exported functions stand before what they are named like.
    if variable.starts_with(b"BASH_FUNC_") {
        return true;
    }
    let mut parts = variable.splitn(2, |&byte| byte == b'=');
    let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    !value.is_empty() && INFLUENCES.iter().any(|known| known.as_bytes() == name)
}

/// Where package managers keep, or for the moment put, the scripts that packages bring. Debconf asks its questions by a script out of a
/// package that is not unpacked yet.
pub fn is_maintainers(script: &[u8]) -> bool {
    let directory = script.len()
        - script
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or_default()
            .len();
    let (directory, name) = script.split_at(directory);
    match directory {
        b"/var/lib/dpkg/info/" | b"/var/lib/dpkg/tmp.ci/" | b"/lib/apk/exec/" => true,
        b"/tmp/" => name.windows(8).any(|part| part == b".config."),
        b"/var/tmp/" => name.starts_with(b"rpm-tmp."),
        _ => false,
    }
}

/// What runs them, as a package has it.
pub const PACKAGE_MANAGERS: [(&str, &str); 6] = [
    ("dpkg", "/usr/bin/dpkg"),
    ("rpm", "/usr/bin/rpm"),
    ("rpm", "/bin/rpm"),
    ("apk-tools", "/sbin/apk"),
    ("debconf", "/usr/sbin/dpkg-preconfigure"),
    ("debconf", "/usr/sbin/dpkg-reconfigure"),
];

/// Commands of their own that package managers run on request: no scripts of a package.
pub fn is_told_to_run(command_line: &[u8]) -> bool {
    let has = |word: &[u8]| command_line.windows(word.len()).any(|part| part == word);
    has(b"-invoke") || has(b"--pipe") || has(b"--eval") || has(b"-E ")
}

/// A plain file that is root's and that nobody else writes.
pub fn is_roots(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.uid() == 0 && found.mode() & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreters_script_is_its_first_argument_behind_harmless_options() {
        let perl = b"/usr/bin/perl\0-w\0/usr/sbin/dpkg-preconfigure\0--apt\0";
        assert_eq!(of(b"/usr/bin/perl", perl), b"/usr/sbin/dpkg-preconfigure");
        let versioned = b"python3\0-Es\0/usr/bin/unattended-upgrade\0";
        assert_eq!(
            of(b"/usr/bin/python3.11", versioned),
            b"/usr/bin/unattended-upgrade"
        );
        assert_eq!(
            of(
                b"/usr/bin/dash",
                b"/bin/sh\0/var/lib/dpkg/info/x.postinst\0configure\0"
            ),
            b"/var/lib/dpkg/info/x.postinst"
        );
    }

    #[test]
    fn code_beside_the_script_or_in_its_stead_leaves_none() {
        for arguments in [
            &b"perl\0-e\0print 1\0/usr/sbin/adduser\0"[..],
            b"perl\0-MEvil\0/usr/sbin/adduser\0",
            b"perl\0-d\0/usr/sbin/adduser\0",
            b"perl\0-I/tmp\0/usr/sbin/adduser\0",
            b"perl\0-\0",
            b"perl\0",
            b"perl\0./adduser\0",
            b"perl\0--\0/usr/sbin/adduser\0",
        ] {
            assert_eq!(
                of(b"/usr/bin/perl", arguments),
                b"",
                "{}",
                String::from_utf8_lossy(arguments)
            );
        }
        assert_eq!(of(b"/usr/bin/perl-evil", b"perl\0/usr/sbin/adduser\0"), b"");
        assert_eq!(of(b"/usr/bin/awk", b"awk\0-f\0/usr/sbin/adduser\0"), b"");
    }

    #[test]
    fn a_name_that_holds_arguments_of_another_leaves_none() {
        let told = b"perl -w /usr/sbin/adduser\0/usr/bin/piconv\0/etc/shadow\0";
        assert_eq!(of(b"/usr/bin/perl", told), b"");
    }

    #[test]
    fn variables_that_bring_in_code_are_seen_and_so_is_an_environment_that_was_cut() {
        for (environment, influenced) in [
            (&b"PATH=/bin\0HOME=/\0"[..], false),
            (b"PATH=/bin\0LD_PRELOAD=/tmp/x.so\0", true),
            (b"PERL5OPT=-MEvil\0", true),
            (b"PERL5OPT=\0", false),
            (b"BASH_FUNC_id%%=() { cat; }\0", true),
            (&[b'A'; ENVIRONMENT_BYTES_MAX], true),
        ] {
            assert_eq!(is_influenced(environment), influenced);
        }
    }

    #[test]
    fn maintainers_scripts_are_told_by_where_package_managers_put_them() {
        for script in [
            "/var/lib/dpkg/info/postfix.postinst",
            "/var/lib/dpkg/tmp.ci/preinst",
            "/tmp/postfix.config.Xy12",
            "/var/tmp/rpm-tmp.aB",
        ] {
            assert!(is_maintainers(script.as_bytes()), "{script}");
        }
        for script in [
            "/tmp/x.postinst",
            "/var/lib/dpkg/x",
            "/tmp/var/lib/dpkg/info/x.postinst",
            "x.postinst",
            "",
        ] {
            assert!(!is_maintainers(script.as_bytes()), "{script}");
        }
    }
}
