//! What a policy costs, printed: `cargo test -p norn-policy --release --test figures -- --ignored --nocapture --test-threads 1`.
//! Nothing is asserted but that the work was done; ratios within one run are what counts.
mod support;

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use norn_events::wire::policy::v1::{HostEvent, HostField, HostRule};
use support::{Stage, deny, like, start};

const ROUNDS: usize = 5;
const EXECS: u32 = 300;
const REQUESTS: u32 = 50_000;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Start and end of a static program.
fn exec_time(program: &Path) -> Duration {
    let begun = Instant::now();
    for _ in 0..EXECS {
        assert_eq!(start(program, &["true"]).unwrap(), 0);
    }
    begun.elapsed() / EXECS
}

fn datagram_time(socket: &UdpSocket) -> Duration {
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        socket.connect("127.79.0.1:9").unwrap();
    }
    begun.elapsed() / REQUESTS
}

/// `number` rules that all have to be asked.
fn rules(event: HostEvent, number: usize, all: &[(HostField, &str)]) -> Vec<HostRule> {
    (0..number)
        .map(|place| {
            let tests: Vec<_> = all
                .iter()
                .map(|(field, value)| like(*field, &value.replace('#', &place.to_string())))
                .collect();
            deny(event, &tests)
        })
        .collect()
}

/// Prints a policy's median beside that without one, measured in turns.
fn compare(stage: &mut Stage, what: &str, rules: &[HostRule], time: &dyn Fn() -> Duration) {
    let (mut bare, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        stage.apply(Vec::new());
        bare.push(time());
        stage.apply(rules.to_vec());
        with.push(time());
    }
    let (bare, with) = (median(bare), median(with));
    let ratio = with.as_secs_f64() / bare.as_secs_f64();
    println!("{what}: {bare:?} without, {with:?} with: {ratio:.3}");
    assert_eq!(stage.enforcer.status().denied, 0);
}

#[test]
#[ignore = "prints figures"]
fn an_exec_that_is_asked_about() {
    let mut stage = Stage::new();
    let program = stage.program("program");
    let time = || exec_time(&program);
    for number in [1, 100, 500] {
        let by_path = rules(HostEvent::Exec, number, &[(HostField::Image, "*/never/*/#")]);
        compare(
            &mut stage,
            &format!("exec, {number} rules about paths"),
            &by_path,
            &time,
        );
    }
    let by_lineage = rules(HostEvent::Exec, 20, &[(HostField::AncestorImages, "*/never-#")]);
    compare(&mut stage, "exec, 20 rules about ancestors", &by_lineage, &time);
    let by_sum = rules(HostEvent::Exec, 1, &[(HostField::Sha256, "never")]);
    compare(&mut stage, "exec, by checksum", &by_sum, &time);
    println!("unanswered: {}", stage.enforcer.status().unanswered);
}

#[test]
#[ignore = "prints figures"]
fn a_connection_that_is_judged() {
    let mut stage = Stage::new();
    stage.enforcer.guard(Vec::new());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let time = || datagram_time(&socket);
    for number in [1, 128] {
        let by_address = rules(
            HostEvent::Connect,
            number,
            &[(HostField::DestinationIp, "127.80.0.#")],
        );
        compare(
            &mut stage,
            &format!("connect of a datagram socket, {number} rules"),
            &by_address,
            &time,
        );
    }
    let by_program = rules(HostEvent::Connect, 100, &[(HostField::Image, "/never-#")]);
    compare(
        &mut stage,
        "connect of a datagram socket, 100 rules about programs",
        &by_program,
        &time,
    );
    let program = stage.program("program");
    compare(
        &mut stage,
        "exec, 100 rules about connections of programs",
        &by_program,
        &|| exec_time(&program),
    );
}
