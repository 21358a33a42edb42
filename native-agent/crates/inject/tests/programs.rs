//! In and out of real programs, again and again, while they work: they print what they always print.
//!
//! `NORN_HOOK_TURNS` says how often each (20).
mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use norn_inject::{InjectError, Left, Nothing, Options, inject};
use support::turns::{turn, turns};
use support::{BASH, Directory, PYTHON, Program, calls_of, plans, start, victims};

/// Every turn the program runs a line that makes calls, and prints the same as it does alone.
fn in_and_out(command: &mut Command, line: &str) {
    let mut program = Program::spawn(command);
    let expected = program.run(line);
    assert!(!expected.is_empty());
    let pid = program.pid();
    let mut seen = 0;
    for _ in 0..turns() {
        let mut printed = String::new();
        let turn = turn(pid, || printed = program.run(line));
        seen += usize::from(turn.is_some_and(|turn| turn.calls > 0));
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
    let mut hooked = 0;
    let mut run = |is_hooked: bool| {
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
            if is_hooked {
                let turn = turn(child.id() as i32, || input.write_all(&block[..70_000]).unwrap());
                hooked += usize::from(turn.is_some());
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
    println!("{command:?}: {hooked} times in and out of {turns}");
    assert!(hooked * 2 > turns, "most turns were hooked");
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

/// What came of a turn: how many calls were seen, and what was left. None when the program was left alone.
type Outcome = Option<(usize, Left)>;

fn turn_at_full_speed(pid: i32) -> Outcome {
    let hooked = match inject(pid, plans(), &Options::default(), Box::new(Nothing)) {
        Ok(hooked) => hooked,
        Err(InjectError::Busy { .. }) => return None,
        Err(other) => panic!("{other}"),
    };
    let mut calls = 0;
    // A busy machine may not let it run meanwhile.
    for _ in 0..LOOKS_FOR_A_CALL {
        std::thread::sleep(std::time::Duration::from_millis(5));
        calls += calls_of(hooked.channel()).len();
        if calls > 0 {
            break;
        }
    }
    Some((calls, hooked.eject().unwrap()))
}

/// This many turns of one program, or fewer: where the library's memory has stayed, it is not brought in again.
fn storm(mut program: Program, turns: usize) -> Vec<Outcome> {
    program.send(&format!("storm {}", 100 * turns));
    let mut outcomes = Vec::new();
    while outcomes.len() < turns && !matches!(outcomes.last(), Some(Some((_, Left::Memory)))) {
        outcomes.push(turn_at_full_speed(program.pid()));
    }
    assert!(program.printed().contains("storm: over"));
    assert!(program.run("pointers").contains("failed 14"));
    program.end();
    outcomes
}

const TURNS_OF_A_STORM: usize = 50;
const LOOKS_FOR_A_CALL: usize = 60;

#[test]
fn threads_signals_and_children_at_full_speed() {
    let directory = Directory::new("storm");
    for victim in victims(&directory) {
        let mut outcomes = Vec::new();
        while outcomes.len() < turns() {
            let program = start(&victim, &directory.0.join("place"));
            let next = TURNS_OF_A_STORM.min(turns() - outcomes.len());
            outcomes.extend(storm(program, next));
        }
        let hooked: Vec<_> = outcomes.into_iter().flatten().collect();
        let seen = hooked.iter().filter(|(calls, _)| *calls > 0).count();
        let out = hooked.iter().filter(|(_, left)| *left == Left::Nothing).count();
        let name = victim.file_name().unwrap().display();
        println!(
            "{name}: calls seen in {seen}, nothing left after {out} of {} turns",
            turns()
        );
        assert!(seen * 2 > turns() && out * 2 > turns());
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
        return eprintln!("the compiler of Java is not installed: not tested");
    }
    let directory = Directory::new("java");
    let (source, file) = (directory.file("Lines.java", JAVA), directory.file("f", "content"));
    in_and_out(Command::new("java").arg(source), file.to_str().unwrap());
}
