//! In and out of real programs, again and again, while they work: they print what they always print.
//!
//! `NORN_HOOK_TURNS` says how often each (20).
mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use norn_inject::{InjectError, Left, Nothing, Options, inject};
use support::{BASH, Directory, PYTHON, Program, calls_of, plans, start, victims};

fn turns() -> usize {
    std::env::var("NORN_HOOK_TURNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

/// In; what `during` does; out. Whether the program was seen to call anything.
fn turn(pid: i32, during: impl FnOnce()) -> bool {
    let hooked = match inject(pid, plans(), &Options::default(), Box::new(Nothing)) {
        Ok(hooked) => hooked,
        // A moment at which it is left alone: it did not notice that either.
        Err(InjectError::Busy { .. }) => {
            during();
            return false;
        }
        Err(other) => panic!("{other}"),
    };
    during();
    let has_called = !calls_of(hooked.channel()).is_empty();
    assert_eq!(hooked.eject().unwrap(), Left::Nothing);
    has_called
}

/// Every turn the program runs a line that makes calls, and prints the same as it does alone.
fn in_and_out(command: &mut Command, line: &str) {
    let mut program = Program::spawn(command);
    let expected = program.run(line);
    assert!(!expected.is_empty());
    let pid = program.pid();
    let mut seen = 0;
    for _ in 0..turns() {
        let mut printed = String::new();
        seen += usize::from(turn(pid, || printed = program.run(line)));
        assert_eq!(printed, expected);
        assert_eq!(program.run(line), expected, "between the turns");
    }
    assert_eq!(seen, turns(), "its calls were recorded in every turn");
    program.end();
}

#[test]
fn bash() {
    let directory = Directory::new("bash");
    let file = directory.file("f", "one two\nthree\n");
    let line = format!(
        "while read -r a b; do echo \"$b$a\"; done < {0}; cat {0} | tr a-z A-Z; ( : > {0}.2 ); rm {0}.2",
        file.display()
    );
    in_and_out(Command::new(BASH[0]).args(&BASH[1..]), &line);
}

#[test]
fn python() {
    let directory = Directory::new("python");
    let file = directory.file("f", "content");
    let line = format!(
        "import subprocess,threading,hashlib,os; f={:?}; r=[]; \
         t=[threading.Thread(target=lambda: r.append(open(f).read())) for _ in range(4)]; [x.start() for x in t]; [x.join() for x in t]; \
         print(r, subprocess.run(['cat', f], capture_output=True).stdout, os.path.exists(f), hashlib.sha256(b'x'*100000).hexdigest())",
        file
    );
    in_and_out(Command::new("python3").args(&PYTHON[1..]), &line);
}

const NODE: &str = "require('readline').createInterface({input: process.stdin}).on('line', async line => { \
    console.log(await eval(line)); console.log('\\n-done-'); })";

#[test]
fn node() {
    let directory = Directory::new("node");
    let file = directory.file("f", "content");
    let line = format!(
        "(async () => {{ const fs = require('fs'); let sum = 0; for (let i = 0; i < 3e6; i++) sum = (sum * 31 + i) | 0; \
         const all = await Promise.all([1,2,3,4].map(() => fs.promises.readFile({file:?}, 'utf8'))); \
         return sum + all.join() + require('child_process').execFileSync('cat', [{file:?}]); }})()"
    );
    in_and_out(Command::new("node").args(["-e", NODE]), &line);
}

#[test]
fn perl() {
    let directory = Directory::new("perl");
    let file = directory.file("f", "content\n");
    let script = "$|=1; while (<STDIN>) { eval; print \"\\n-done-\\n\" }";
    let line = format!(
        "open(F, '<', '{0}'); print <F>; close F; print `cat {0}`; print join(' ', map {{ $_ ** 2 }} 1..9)",
        file.display()
    );
    in_and_out(Command::new("perl").args(["-e", script]), &line);
}

/// A program of coreutils that reads to the end of its input, hooked in the middle of its work.
fn filter(command: &[&str]) {
    let block: Vec<u8> = (0..100_000u32)
        .flat_map(|number| format!("{}\n", number.wrapping_mul(2_654_435_761)).into_bytes())
        .collect();
    let turns = turns();
    let run = |hooked: bool| {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            output.read_to_end(&mut all).unwrap();
            all
        });
        let mut input = child.stdin.take().unwrap();
        // Once it has taken this much, its loader is done.
        input.write_all(&block).unwrap();
        for _ in 0..turns {
            if hooked {
                turn(child.id() as i32, || input.write_all(&block[..70_000]).unwrap());
            } else {
                input.write_all(&block[..70_000]).unwrap();
            }
        }
        drop(input);
        assert!(child.wait().unwrap().success());
        reader.join().unwrap()
    };
    let bare = run(false);
    assert!(!bare.is_empty() && bare == run(true), "{command:?}");
}

#[test]
fn coreutils() {
    for command in [
        &["cat"][..],
        &["sha256sum"],
        &["sort", "-S", "1M"],
        &["base64"],
        &["tac"],
        &["wc"],
        &["tr", "0-9", "a-j"],
    ] {
        filter(command);
    }
}

#[test]
fn threads_signals_and_children_at_full_speed() {
    let directory = Directory::new("storm");
    for victim in victims(&directory) {
        let mut program = start(&victim, &directory.0.join("place"));
        let pid = program.pid();
        program.send(&format!("storm {}", 40 * turns()));
        let mut seen = 0;
        let mut ejected = 0;
        for _ in 0..turns() {
            let hooked = match inject(pid, plans(), &Options::default(), Box::new(Nothing)) {
                Ok(hooked) => hooked,
                Err(
                    InjectError::Busy { .. } | InjectError::Blind(norn_inject::Blind::AlreadyHooked { .. }),
                ) => continue,
                Err(other) => panic!("{other}"),
            };
            std::thread::sleep(std::time::Duration::from_millis(5));
            seen += usize::from(!calls_of(hooked.channel()).is_empty());
            ejected += usize::from(hooked.eject().unwrap() == Left::Nothing);
        }
        assert!(program.printed().contains("storm: over"));
        assert!(program.run("pointers").contains("failed 14"));
        assert!(seen > 0 && ejected > 0, "{seen} seen, {ejected} ejected");
        program.end();
    }
}

const JAVA: &str = "import java.nio.file.*; import java.util.*;
public class Lines {
    static int work(int n) { int s = 0; for (int i = 0; i < n; i++) s = s * 31 + (i ^ s >>> 7); return s; }
    public static void main(String[] a) throws Exception {
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            Path file = Path.of(in.nextLine());
            List<Thread> all = new ArrayList<>();
            int[] sums = new int[3];
            for (int t = 0; t < 3; t++) { int k = t; all.add(new Thread(() -> sums[k] = work(500000 + k))); }
            for (Thread t : all) t.start();
            for (Thread t : all) t.join();
            String nothing = null;
            try { nothing.length(); } catch (NullPointerException e) { sums[0]++; }
            System.out.println(Files.readString(file) + Arrays.toString(sums) + new String[10000].length);
            System.out.println(\"\\n-done-\");
        }
    }
}";

/// With threads that the JIT compiles, and the signals by which a JVM finds null pointers.
#[test]
fn java_where_its_compiler_is_installed() {
    let modules = Command::new("java").arg("--list-modules").output();
    if !modules.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("jdk.compiler")) {
        return;
    }
    let directory = Directory::new("java");
    let (source, file) = (directory.file("Lines.java", JAVA), directory.file("f", "content"));
    in_and_out(Command::new("java").arg(source), file.to_str().unwrap());
}

/// As a user who is not root, since PostgreSQL refuses root.
fn as_nobody(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
    command
        .env("HOME", "/tmp")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn postgres_under_pgbench_where_it_is_installed() {
    let is_there = |tool: &&str| Command::new(tool).arg("--version").output().is_ok();
    if !["initdb", "postgres", "pgbench"].iter().all(is_there) {
        return;
    }
    let directory = Directory::new("postgres");
    std::os::unix::fs::chown(&directory.0, Some(65534), Some(65534)).unwrap();
    let (place, data) = (directory.0.to_str().unwrap(), directory.0.join("data"));
    assert!(
        as_nobody("initdb")
            .args(["-A", "trust", "-U", "bench", "-N", "-D"])
            .arg(&data)
            .status()
            .unwrap()
            .success()
    );
    let mut server = as_nobody("postgres")
        .args(["-k", place, "-c", "listen_addresses=", "-D"])
        .arg(&data)
        .spawn()
        .unwrap();
    let bench = |arguments: &[&str]| {
        let mut command = Command::new("pgbench");
        command
            .args(["-h", place, "-U", "bench"])
            .args(arguments)
            .arg("postgres")
            .stderr(Stdio::null());
        command
    };
    support::until("the server", || {
        bench(&["-i", "-q"])
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    });

    let load = bench(&["-c", "3", "-T", &(2 + turns() / 10).to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", server.id());
    let mut hooks = 0;
    for _ in 0..turns() {
        let text = std::fs::read_to_string(&children).unwrap();
        for pid in text.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()) {
            match inject(pid, plans(), &Options::default(), Box::new(Nothing)) {
                Ok(hooked) => {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    assert_eq!(hooked.eject().unwrap(), Left::Nothing);
                    hooks += 1;
                }
                Err(
                    InjectError::Busy { .. }
                    | InjectError::Blind(
                        norn_inject::Blind::Gone { .. } | norn_inject::Blind::NotAllowed { .. },
                    ),
                ) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    let output = load.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("failed transactions: 0 "),
        "{printed}"
    );
    assert!(hooks > turns() * 3, "{hooks} times in and out");
    // SAFETY: asks a child of the test's own to end.
    unsafe { libc::kill(server.id() as i32, libc::SIGINT) };
    assert!(server.wait().unwrap().success());
}
