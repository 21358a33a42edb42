//! In and out of servers under load: every answer is right, and the same processes still serve.
//!
//! `NORN_HOOK_TURNS` says how often each (20). They listen at Unix sockets: a port might be somebody else's.
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::serving::{Clients, Running, directory_of};
use support::turns::{Turn, print_held, turn, turns};
use support::{Directory, Program, until};

/// A server that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(120);
const CLIENTS: usize = 3;

/// Each turn in and out of all of these processes. What `ask` asks is answered by one of them, which makes calls for it.
fn in_and_out(name: &str, pids: &[i32], mut ask: impl FnMut()) {
    let (mut all, mut seen) = (Vec::new(), 0);
    for _ in 0..turns() {
        let round: Vec<Turn> = pids.iter().filter_map(|pid| turn(*pid, &mut ask)).collect();
        seen += usize::from(round.iter().any(|turn| turn.calls > 0));
        all.extend(round.iter().map(|turn| turn.held));
        ask();
    }
    println!(
        "{name}: {} times in and out of {} processes, calls seen in {seen} of {} turns",
        all.len(),
        pids.len(),
        turns()
    );
    assert!(all.len() * 2 > turns() * pids.len(), "most were hooked");
    assert!(seen * 2 > turns(), "calls were seen in most turns");
    print_held(name, all);
}

fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn until_it_listens(socket: &Path) {
    until("the server", || connect(socket).is_ok());
}

/// A client of redis.
struct Redis(BufReader<UnixStream>);

impl Redis {
    fn connect(socket: &Path) -> Self {
        Self(BufReader::new(connect(socket).unwrap()))
    }

    /// A value as it is; anything else with the sign of what it is before it.
    fn ask(&mut self, words: &[&str]) -> String {
        let mut question = format!("*{}\r\n", words.len());
        for word in words {
            question += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(question.as_bytes()).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let line = line.trim_end();
        let Some(bytes) = line.strip_prefix('$') else {
            return line.to_owned();
        };
        let mut value = vec![0; bytes.parse::<usize>().expect("a value") + 2];
        self.0.read_exact(&mut value).unwrap();
        String::from_utf8(value).unwrap().trim_end().to_owned()
    }

    /// Values are kept as written, and every command is carried out once.
    fn check(&mut self, client: usize, round: usize) {
        let (key, counter) = (format!("key {client}"), format!("counter {client}"));
        let value = format!("{client} {round} ").repeat(1 + round % 500) + ".";
        assert_eq!(self.ask(&["SET", &key, &value]), "+OK");
        assert_eq!(self.ask(&["GET", &key]), value);
        assert_eq!(self.ask(&["INCR", &counter]), format!(":{}", round + 1));
    }
}

/// Debian's redis-tools has the server too, by another name and without a service.
const REDIS: &str = "redis-check-rdb";

fn start_redis(tools: &Path, directory: &Directory, socket: &Path) -> Running {
    let mut command = Command::new(tools.join(REDIS));
    command.arg0("redis-server").args(["--port", "0", "--save", ""]);
    command.args(["--appendonly", "yes", "--unixsocket"]).arg(socket);
    command.arg("--dir").arg(&directory.0).stdout(Stdio::null());
    Running::start(&mut command)
}

#[test]
fn redis_under_load() {
    let Some(tools) = directory_of(&[REDIS, "redis-benchmark"]) else {
        return eprintln!("redis is not installed: not tested");
    };
    let directory = Directory::new("redis");
    let socket = directory.0.join("socket");
    let mut server = start_redis(&tools, &directory, &socket);
    until_it_listens(&socket);
    // Without an end.
    let mut command = Command::new(tools.join("redis-benchmark"));
    command
        .args(["-q", "-l", "-c", "50", "-r", "1000", "-t", "set,get", "-s"])
        .arg(&socket);
    let mut benchmark = Running::start(command.stdout(Stdio::null()));
    let place = socket.clone();
    let clients = Clients::start(CLIENTS, move |client| {
        let mut redis = Redis::connect(&place);
        move |round| redis.check(client, round)
    });

    let mut redis = Redis::connect(&socket);
    // Writes a file and renames it.
    in_and_out("redis", &[server.pid()], || {
        assert_eq!(redis.ask(&["SAVE"]), "+OK");
        clients.wait_for_one();
    });
    println!("redis: {} rounds of right answers", clients.end());
    assert!(benchmark.is_running(), "the benchmark had an error");
    drop(benchmark);
    assert!(server.is_running());
    server.end(libc::SIGINT);
}

/// Gets a file by a connection of its own, and compares all of it.
fn get(socket: &Path, name: &str, content: &[u8]) {
    let mut stream = connect(socket).unwrap();
    write!(
        stream,
        "GET /{name} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("the head of an answer") + 4);
    let head = String::from_utf8_lossy(head);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        body == content,
        "{} bytes of {}: {head}",
        body.len(),
        content.len()
    );
}

/// One process serves, by the rights of nobody.
fn start_nginx(tools: &Path, directory: &Directory, socket: &Path) -> Running {
    let place = directory.0.display();
    let settings = format!(
        "daemon off; user nobody nogroup; worker_processes 1; pid {place}/pid; error_log {place}/errors; events {{}} \
         http {{ access_log {place}/accesses; sendfile on; server {{ listen unix:{}; root {place}; }} }}",
        socket.display()
    );
    let file = directory.file("settings", &settings);
    let mut command = Command::new(tools.join("nginx"));
    command.arg("-p").arg(&directory.0).arg("-c").arg(file);
    Running::start(&mut command)
}

#[test]
fn nginx_under_load() {
    let Some(tools) = directory_of(&["nginx"]) else {
        return eprintln!("nginx is not installed: not tested");
    };
    let directory = Directory::new("nginx");
    let socket = directory.0.join("socket");
    // More than fits into a socket at once.
    let large: String = (0..60_000u32)
        .map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761)))
        .collect();
    directory.file("large", &large);
    directory.file("small", "content");
    let mut server = start_nginx(&tools, &directory, &socket);
    until_it_listens(&socket);
    until("its process", || server.children().len() == 1);
    let pids = server.children();
    let place = socket.clone();
    let clients = Clients::start(CLIENTS, move |_| {
        let (socket, large) = (place.clone(), large.clone());
        move |_| {
            get(&socket, "large", large.as_bytes());
            get(&socket, "small", b"content");
        }
    });

    in_and_out("nginx", &pids, || {
        get(&socket, "small", b"content");
        clients.wait_for_one();
    });
    println!("nginx: {} rounds of right answers", clients.end());
    assert!(server.is_running());
    assert_eq!(server.children(), pids, "the same process serves");
    server.end(libc::SIGINT);
}

/// A cluster of its own, in a directory of the user who is nobody: PostgreSQL refuses root.
struct Postgres {
    tools: PathBuf,
    directory: Directory,
}

impl Postgres {
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(self.tools.join(program)).args(arguments);
        command.env("HOME", "/tmp").stderr(Stdio::null());
        command
    }

    fn client(&self, program: &str, arguments: &[&str]) -> Command {
        let place = self.directory.0.to_str().unwrap();
        let mut command = self.command(program, &["-h", place, "-U", "bench"]);
        command.args(arguments).arg("postgres").stdout(Stdio::null());
        command
    }

    fn start(&self) -> Running {
        let place = self.directory.0.to_str().unwrap();
        chown(&self.directory.0, Some(65534), Some(65534)).unwrap();
        let data = format!("{place}/data");
        let mut init = self.command("initdb", &["-A", "trust", "-U", "bench", "-N", "-D", &data]);
        assert!(init.stdout(Stdio::null()).status().unwrap().success());
        let settings = ["-c", "listen_addresses=", "-c", "fsync=off"];
        let mut command = self.command("postgres", &["-k", place, "-D", &data]);
        let server = Running::start(command.args(settings).stdout(Stdio::null()));
        until("the server", || {
            let mut hello = self.client("psql", &["-c", "select 1"]);
            hello.status().unwrap().success()
        });
        let mut fill = self.client("pgbench", &["-i", "-q"]);
        assert!(fill.status().unwrap().success());
        server
    }

    /// Runs until it is told to stop.
    fn load(&self) -> Running {
        let mut bench = self.client("pgbench", &["-c", "3", "-T", "1000000"]);
        Running::start(bench.stdout(Stdio::piped()))
    }
}

/// Asks in a session of its own.
fn query(session: &mut Program, text: &str) -> String {
    session.run(&format!("{text}; select '-done-';"))
}

/// What stays: workers that clean up come and go.
const PROCESSES: &str =
    "select pid from pg_stat_activity where backend_type <> 'autovacuum worker' order by pid";
const BUSY: &str = "select count(*) from pg_stat_activity where query ~ '^(UPDATE|INSERT|END)'";
/// Its process makes and removes a file for it.
const WORK: &str = "begin; create temp table t as select n, md5(n::text) from generate_series(1, 1000) n; \
    select count(*), sum(n), min(md5), max(md5) from t; drop table t; commit";

#[test]
fn postgres_under_pgbench() {
    let Some(tools) = directory_of(&["initdb", "postgres", "psql", "pgbench"]) else {
        return eprintln!("PostgreSQL and pgbench are not installed: not tested");
    };
    let directory = Directory::new("postgres");
    let postgres = Postgres { tools, directory };
    let mut server = postgres.start();
    let load = postgres.load();
    let mut session = Program::spawn(&mut postgres.client("psql", &["-qAtX"]));
    until("the load", || query(&mut session, BUSY) == "3");
    let processes = query(&mut session, PROCESSES);
    let pids: Vec<i32> = processes.lines().map(|pid| pid.parse().unwrap()).collect();
    let expected = query(&mut session, WORK);
    assert!(expected.starts_with("1000|500500|"), "{expected}");

    in_and_out("postgres", &pids, || {
        assert_eq!(query(&mut session, WORK), expected);
    });
    assert_eq!(
        query(&mut session, PROCESSES),
        processes,
        "the same processes serve"
    );
    session.end();
    // The alarm by which pgbench ends a run.
    let printed = load.end(libc::SIGALRM);
    println!("{printed}");
    assert!(printed.contains("failed transactions: 0 "), "{printed}");
    assert!(server.is_running());
    server.end(libc::SIGINT);
}
