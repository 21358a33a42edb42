//! Real processes: shells that fork, ignore signals, stop and outlive their parents.
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use norn_events::{Image, Process};

use super::*;

/// A shell in a process group of its own, ended with the test whatever happens.
struct Tree(Child);

impl Tree {
    fn start(script: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn members(&self) -> Vec<Stat> {
        let all = process::all();
        let mut found = vec![self.pid()];
        let mut next = 0;
        while let Some(&pid) = found.get(next) {
            next += 1;
            found.extend(
                all.iter()
                    .filter(|stat| stat.parent == pid && !stat.has_ended())
                    .map(|stat| stat.pid),
            );
        }
        found.into_iter().filter_map(Stat::of_any_thread).collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _gone = nix::sys::signal::killpg(
            nix::unistd::Pid::from_raw(self.pid() as i32),
            nix::sys::signal::SIGKILL,
        );
        let _status = self.0.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A table that knows these processes; the first is the root, the creator of the others.
fn table(pids: &[u32]) -> (ProcessTable, ProcessUid) {
    let mut processes = ProcessTable::default();
    for (number, &pid) in pids.iter().enumerate() {
        let stat = Stat::of_any_thread(pid).unwrap();
        processes.insert(Process {
            uid: ProcessUid([number as u8 + 1; 16]),
            parent_uid: if number == 0 {
                ProcessUid::UNKNOWN
            } else {
                ProcessUid([1; 16])
            },
            pid,
            namespace_pid: pid,
            parent_pid: 1,
            start_time_ns: stat.start_ticks * 10_000_000 + 1_234,
            end_time_ns: None,
            image_number: 1,
            image: Arc::new(Image::default()),
            container: None,
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: Default::default(),
        });
    }
    (processes, ProcessUid([1; 16]))
}

#[test]
fn kill_takes_the_whole_tree_though_the_table_knows_only_its_root() {
    let tree = Tree::start("for i in 1 2 3 4; do (sleep 300 & sleep 300 & wait) & done; wait");
    until("thirteen processes", || tree.members().len() >= 13);
    let pids: Vec<u32> = tree.members().iter().map(|stat| stat.pid).collect();
    let (processes, scope) = table(&[tree.pid()]);
    let report = Responder::default().kill(scope, &processes);
    assert!(pids.iter().all(|pid| report.pids.contains(pid)));
    assert!(
        pids.iter()
            .all(|&pid| Stat::of_any_thread(pid).is_none_or(|stat| stat.has_ended()))
    );
    assert!(report.lingering.is_empty() && report.stopped_ns >= report.started_ns);
}

#[test]
fn a_tree_that_keeps_forking_while_it_is_killed_leaves_nobody_behind() {
    let tree = Tree::start("f() { while :; do (sleep 300 & sleep 0.01) & sleep 0.002; done; }; f & f & f");
    let group = tree.pid();
    until("a few dozen processes", || {
        process::all()
            .iter()
            .filter(|stat| in_group(stat.pid, group))
            .count()
            > 30
    });
    let (processes, scope) = table(&[group]);
    let mut responder = Responder::default();
    responder.kill(scope, &processes);
    let left = |group: u32| {
        process::all()
            .into_iter()
            .filter(|stat| !stat.has_ended() && in_group(stat.pid, group))
            .count()
    };
    // Children whose parents had ended before are known to the sensor's table by their creator, not to /proc.
    let orphans: Vec<u32> = process::all()
        .iter()
        .filter(|stat| in_group(stat.pid, group) && !stat.has_ended())
        .map(|stat| stat.pid)
        .collect();
    let first = left(group);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(left(group), first, "nobody forks any more");
    if !orphans.is_empty() {
        let (processes, scope) = table(&orphans);
        responder.kill(scope, &processes);
    }
    assert_eq!(left(group), 0);
}

fn in_group(pid: u32, group: u32) -> bool {
    nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid as i32)))
        .is_ok_and(|found| found.as_raw() as u32 == group)
}

#[test]
fn a_process_that_ignores_signals_and_is_stopped_is_killed_all_the_same() {
    let tree = Tree::start("trap '' TERM INT HUP; kill -STOP $$; sleep 300");
    until("it has stopped itself", || {
        Stat::of_any_thread(tree.pid()).is_some_and(|stat| stat.is_stopped())
    });
    let (processes, scope) = table(&[tree.pid()]);
    let report = Responder::default().kill(scope, &processes);
    assert_eq!(report.pids, [tree.pid()]);
    assert!(Stat::of_any_thread(tree.pid()).is_none_or(|stat| stat.has_ended()));
}

#[test]
fn suspend_leaves_the_tree_stopped_and_release_lets_it_go_on() {
    let tree = Tree::start("sleep 300 & sleep 300 & wait");
    until("three processes", || tree.members().len() == 3);
    let (processes, scope) = table(&[tree.pid()]);
    let mut responder = Responder::default();
    responder.suspend(scope, &processes);
    until("all are stopped", || tree.members().iter().all(Stat::is_stopped));
    assert!(responder.is_frozen(scope));
    assert_eq!(responder.release(scope, &processes).pids.len(), 3);
    until("none is stopped", || {
        tree.members().iter().all(|stat| !stat.is_stopped())
    });
}

#[test]
fn release_leaves_alone_what_was_stopped_before() {
    let tree = Tree::start("sleep 300 & kill -STOP $!; wait");
    until("the child is stopped", || {
        tree.members().len() == 2 && tree.members().iter().any(Stat::is_stopped)
    });
    let (processes, scope) = table(&[tree.pid()]);
    let mut responder = Responder::default();
    responder.suspend(scope, &processes);
    assert_eq!(responder.release(scope, &processes).pids, [tree.pid()]);
    assert_eq!(tree.members().iter().filter(|stat| stat.is_stopped()).count(), 1);
}

#[test]
fn another_agent_can_release_what_this_one_froze() {
    let tree = Tree::start("sleep 300 & wait");
    until("two processes", || tree.members().len() == 2);
    let (processes, scope) = table(&[tree.pid()]);
    let mut first = Responder::default();
    first.suspend(scope, &processes);
    let mut second = Responder::default();
    for (scope, members) in first.frozen() {
        second.adopt(scope, members.to_vec());
    }
    assert_eq!(second.release(scope, &ProcessTable::default()).pids.len(), 2);
}

#[test]
fn a_pid_that_belongs_to_another_process_by_now_is_left_alone() {
    let tree = Tree::start("sleep 300");
    let (mut processes, scope) = table(&[tree.pid()]);
    let index = processes.by_uid(scope).unwrap();
    processes.get_mut(index).unwrap().start_time_ns -= 5_000_000_000;
    assert!(Responder::default().kill(scope, &processes).pids.is_empty());
    assert!(Stat::of_any_thread(tree.pid()).is_some_and(|stat| !stat.has_ended()));
}

#[test]
fn the_agents_own_processes_are_refused_and_nothing_else_is_done() {
    let tree = Tree::start("sleep 300 & wait");
    until("two processes", || tree.members().len() == 2);
    let (processes, scope) = table(&[tree.pid()]);
    let mut responder = Responder::default();
    responder.guard(vec![tree.pid()]);
    let report = responder.kill(scope, &processes);
    assert_eq!(report.refused, [(tree.pid(), Refusal::Agent)]);
    assert!(report.pids.is_empty());
    assert_eq!(tree.members().len(), 2);
}

#[test]
fn a_guarded_member_and_what_it_started_survive_while_the_rest_is_killed() {
    let tree = Tree::start("sh -c 'sleep 300 & wait' & sleep 300 & wait");
    until("four processes", || tree.members().len() == 4);
    let guarded = tree
        .members()
        .into_iter()
        .find(|stat| stat.pid != tree.pid() && tree.members().iter().any(|other| other.parent == stat.pid));
    let guarded = guarded.unwrap().pid;
    let (processes, scope) = table(&[tree.pid()]);
    let mut responder = Responder::default();
    responder.guard(vec![guarded]);
    let report = responder.kill(scope, &processes);
    assert_eq!(report.pids.len(), 2);
    assert!(Stat::of_any_thread(guarded).is_some_and(|stat| !stat.has_ended()));
}

/// A child whose first thread ends while another goes on: /proc calls it a zombie.
fn leaderless() -> u32 {
    // SAFETY: the child starts one thread and ends its first; it touches no lock that another thread may hold.
    match unsafe { libc::fork() } {
        0 => {
            std::thread::spawn(|| std::thread::sleep(Duration::from_secs(300)));
            // SAFETY: ends this thread alone.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
            unreachable!("the thread has ended")
        }
        pid => pid as u32,
    }
}

#[test]
fn a_process_whose_first_thread_has_ended_is_frozen_and_killed() {
    let pid = leaderless();
    let line = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    until("its first thread has ended", || line().contains(") Z "));
    assert!(!Stat::of_any_thread(pid).unwrap().has_ended());
    let (processes, scope) = table(&[pid]);
    let mut responder = Responder::default();
    assert_eq!(responder.suspend(scope, &processes).pids, [pid]);
    until("it is stopped", || {
        Stat::of_any_thread(pid).is_some_and(|stat| stat.is_stopped())
    });
    assert!(!responder.has_survivors(scope, &processes));
    let report = responder.kill(scope, &processes);
    assert_eq!((report.pids, report.lingering), (vec![pid], vec![]));
    assert!(Stat::of_any_thread(pid).is_none_or(|stat| stat.has_ended()));
    // SAFETY: our child, which has ended.
    unsafe { libc::waitpid(pid as i32, std::ptr::null_mut(), 0) };
}

#[test]
fn scopes_that_lie_in_one_another_are_killed_once_and_a_refused_one_leaves_the_others() {
    let tree = Tree::start("(sleep 300 & sleep 300 & wait) & wait");
    until("four processes", || tree.members().len() >= 4);
    let pids: Vec<u32> = tree.members().iter().map(|stat| stat.pid).collect();
    let (processes, _) = table(&pids);
    let mut scopes: Vec<ProcessUid> = processes.iter().map(|(_, process)| process.uid).collect();
    let (own, refused) = table(&[std::process::id()]);
    let mut all = ProcessTable::default();
    for (_, process) in processes.iter() {
        all.insert(process.clone());
    }
    let own = own.by_uid(refused).and_then(|index| own.get(index)).unwrap();
    let uid = ProcessUid([0xee; 16]);
    all.insert(Process { uid, ..own.clone() });
    scopes.insert(0, uid);
    let report = Responder::default().kill_all(&scopes, &all);
    let mut killed = report.pids.clone();
    killed.sort_unstable();
    killed.dedup();
    assert_eq!((killed.len(), report.pids.len()), (pids.len(), pids.len()));
    assert!(report.refused.iter().any(|(pid, _)| *pid == std::process::id()));
}
