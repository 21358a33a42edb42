use norn_events::{EventKind, ProcessIndex};

use crate::testing::World;

const REMOTE: &str = "203.0.113.9";
const OUT: u64 = 4_444 << 16 | 51_000;
const IN: u64 = 51_000 << 16 | 22;

fn connect(world: &mut World, by: ProcessIndex) {
    world.event(by, EventKind::NetConnect, (REMOTE, 2 << 16, OUT));
}

fn join(world: &mut World, by: ProcessIndex, remote: &str, value: u64) {
    for fd in 0..3 {
        world.event(by, EventKind::StdioSocket, (remote, fd, value));
    }
}

fn exec(world: &mut World, by: ProcessIndex) {
    world.event(by, EventKind::Exec, ("", 0, 0));
}

#[test]
fn bash_that_joins_its_own_connection_to_input_and_output_fires() {
    let mut world = World::new();
    let bash = world.process("/usr/bin/bash", None);
    connect(&mut world, bash);
    join(&mut world, bash, REMOTE, OUT);
    let firing = world.firing().expect("fires");
    assert_eq!(firing.scope, world.uid(bash));
    assert!(firing.summary.contains("203.0.113.9:4444"));
}

#[test]
fn netcat_that_becomes_a_shell_fires_at_the_exec() {
    let mut world = World::new();
    let netcat = world.process("/usr/bin/nc.traditional", None);
    connect(&mut world, netcat);
    join(&mut world, netcat, REMOTE, OUT);
    assert!(world.firing().is_none());
    let mut process = world.processes.get(netcat).unwrap().clone();
    process.image = std::sync::Arc::new(norn_events::Image {
        path: b"/bin/sh".to_vec(),
        ..Default::default()
    });
    *world.processes.get_mut(netcat).unwrap() = process;
    exec(&mut world, netcat);
    assert!(world.firing().is_some());
}

#[test]
fn a_child_shell_on_its_parents_connection_blames_the_parent() {
    let mut world = World::new();
    let implant = world.process("/tmp/implant", None);
    connect(&mut world, implant);
    let shell = world.process("/bin/sh", Some(implant));
    world.event(shell, EventKind::Fork, ("", 0, 0));
    join(&mut world, shell, REMOTE, OUT);
    exec(&mut world, shell);
    assert_eq!(world.firing().expect("fires").scope, world.uid(implant));
}

#[test]
fn a_relay_with_a_shell_behind_a_pty_fires() {
    let mut world = World::new();
    let socat = world.process("/usr/bin/socat", None);
    connect(&mut world, socat);
    let shell = world.process("/bin/bash", Some(socat));
    world.event(shell, EventKind::Fork, ("", 0, 0));
    exec(&mut world, shell);
    assert_eq!(world.firing().expect("fires").scope, world.uid(socat));
}

#[test]
fn a_server_that_accepted_the_connection_does_not_fire() {
    let mut world = World::new();
    let inetd = world.process("/usr/sbin/inetd", None);
    world.event(inetd, EventKind::NetAccept, (REMOTE, 2 << 16, IN));
    let shell = world.process("/bin/sh", Some(inetd));
    world.event(shell, EventKind::Fork, ("", 0, 0));
    join(&mut world, shell, REMOTE, IN);
    exec(&mut world, shell);
    assert!(world.firing().is_none());
}

#[test]
fn a_socket_unit_whose_accept_nobody_saw_does_not_fire() {
    let mut world = World::new();
    let shell = world.process("/bin/sh", None);
    join(&mut world, shell, REMOTE, IN);
    exec(&mut world, shell);
    assert!(world.firing().is_none());
}

#[test]
fn docker_exec_over_unix_sockets_does_not_fire() {
    let mut world = World::new();
    let shell = world.process("/bin/sh", None);
    join(&mut world, shell, "/run/docker.sock", 0);
    exec(&mut world, shell);
    assert!(world.firing().is_none());
}

#[test]
fn a_download_over_one_descriptor_does_not_fire() {
    let mut world = World::new();
    let bash = world.process("/usr/bin/bash", None);
    connect(&mut world, bash);
    world.event(bash, EventKind::StdioSocket, (REMOTE, 0, OUT));
    assert!(world.firing().is_none());
}

#[test]
fn a_shell_that_only_connects_does_not_fire() {
    let mut world = World::new();
    let python = world.process("/usr/bin/python3", None);
    connect(&mut world, python);
    let shell = world.process("/bin/sh", Some(python));
    world.event(shell, EventKind::Fork, ("", 0, 0));
    exec(&mut world, shell);
    assert!(world.firing().is_none());
}

#[test]
fn one_shell_fires_once() {
    let mut world = World::new();
    let bash = world.process("/usr/bin/bash", None);
    connect(&mut world, bash);
    join(&mut world, bash, REMOTE, OUT);
    join(&mut world, bash, REMOTE, OUT);
    exec(&mut world, bash);
    assert!(world.firing().is_some());
}
