use norn_events::Image;

use nix::sched::{CloneFlags, unshare};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::run::testing::process;

const FAR: &str = "192.0.2.7:7401";

struct Trial {
    _dir: TempDir,
    state: StateDir,
}

impl Trial {
    fn new() -> Self {
        let dir = tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        Self { _dir: dir, state }
    }

    fn machine(&self) -> OwnNetwork {
        OwnNetwork::of(&self.state, Reach::Machine, true).unwrap()
    }
}

fn code(done: Result<impl Sized, NotDone>) -> &'static str {
    done.err().map_or("", |error| error.code)
}

#[test]
fn a_network_that_is_the_agents_own_is_not_said_to_be_the_machines() {
    let trial = Trial::new();
    let mut network = OwnNetwork::of(&trial.state, Reach::Machine, false).unwrap();
    network.learn(&[FAR.to_owned()], &trial.state);
    assert_eq!(code(network.isolate("a", 60, &trial.state)), "isolation_not_here");
    let told = network.capability();
    assert!(
        !told.available && told.detail.contains("host's network"),
        "{told:?}"
    );
    assert_eq!(network.release("a", &trial.state).ok(), Some(""));
}

#[test]
fn where_the_installation_is_survives_a_restart() {
    let trial = Trial::new();
    let mut network = OwnNetwork::open(&trial.state, true).unwrap();
    let peers = ["10.0.0.7:7401", "nowhere", "[fd00::7]:1"].map(str::to_owned);
    network.learn(&peers, &trial.state);
    let again = OwnNetwork::open(&trial.state, true).unwrap();
    assert_eq!(name_of(&again.kept.peers), "10.0.0.7:7401, [fd00::7]:1");
    // Names that can't be resolved while it is cut off change nothing.
    network.learn(&[], &trial.state);
    assert_eq!(network.kept, again.kept);
}

#[test]
fn what_an_agent_before_this_one_kept_is_read() {
    let trial = Trial::new();
    let before = serde_json::json!({ "alerts": [], "peers": [FAR] });
    trial.state.save(FILE, &before).unwrap();
    assert_eq!(name_of(&trial.machine().kept.peers), FAR);
}

#[test]
fn a_node_of_a_cluster_is_known_by_its_agent() {
    let mut processes = ProcessTable::default();
    let mut start = |path: &str, number: u8| {
        let image = Image {
            path: path.into(),
            ..Image::default()
        };
        processes.insert(process(number, image));
        code(check_no_node(&processes))
    };
    assert_eq!(start("/usr/bin/kubelet-watch", 1), "");
    assert_eq!(start("/usr/local/bin/kubelet", 2), "cluster_node");
}

#[test]
#[ignore = "needs root: a network namespace"]
fn a_machine_is_cut_off_for_a_time_and_from_no_installation_of_its_own() {
    assert!(is_machines_network(), "tests run in the machine's own");
    // The host's own network is never touched.
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace needs root");
    let trial = Trial::new();
    let mut network = trial.machine();
    assert_eq!(code(network.isolate("a", 60, &trial.state)), "isolation_no_peer");
    for seconds in [0, 7 * 24 * 3_600 + 1] {
        assert_eq!(
            code(network.isolate("a", seconds, &trial.state)),
            "isolation_without_end"
        );
    }
    network.learn(&["127.0.0.1:7401".to_owned()], &trial.state);
    assert_eq!(code(network.isolate("a", 60, &trial.state)), "installation_here");
    assert!(!network.is_cut_off());
    network.learn(&[FAR.to_owned()], &trial.state);
    assert_eq!(network.isolate("a", 60, &trial.state).unwrap(), FAR);
    assert_eq!(network.isolate("b", 2, &trial.state).unwrap(), FAR);
    assert!(
        network.kept.left().unwrap() > Duration::from_secs(30),
        "the longer one counts"
    );
    assert!(trial.machine().is_cut_off(), "after a restart too");
    assert_eq!(
        network.release("a", &trial.state).ok(),
        Some("; it stays cut off from the network, for another alert")
    );
    lift(&trial.state).unwrap();
    assert!(!trial.machine().is_cut_off(), "an ended agent's is lifted");
    assert_eq!(network.isolate("b", 60, &trial.state).unwrap(), FAR);
    network.kept.until_us = unix_us() - 1;
    network.end_what_is_over(&trial.state);
    assert!(!network.is_cut_off() && !trial.machine().is_cut_off());
    assert!(network.capability().verified);
}
