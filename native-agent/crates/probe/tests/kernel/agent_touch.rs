//! What others do to the agent, which here is the test itself.
use norn_events::{AgentTouch, EventKind};

use crate::sensor::{Directory, Seen, Sensor, c};

fn touches(seen: &[Seen]) -> Vec<(AgentTouch, u64, i32)> {
    seen.iter()
        .filter(|event| event.kind == EventKind::AgentTouched)
        .map(|event| {
            let touch = AgentTouch::try_from(event.flags as i32).expect("it is one of them");
            (touch, event.value, event.result)
        })
        .collect()
}

#[test]
fn agent_touch() {
    let agent = std::process::id();
    // SAFETY: a signal that this process ignores from now on.
    unsafe { libc::signal(libc::SIGUSR2, libc::SIG_IGN) };
    let mut sensor = Sensor::start();
    let _watched_over = sensor.probe.take_holdings().expect("nobody has taken them");
    let seen = sensor.events_of(|| {
        // SAFETY: plain system calls on memory of this function; what they set is what is there already.
        unsafe {
            let target = agent.cast_signed();
            libc::kill(target, libc::SIGCONT);
            libc::kill(target, 0);
            libc::kill(target, libc::SIGUSR2);
            let mut limit = libc::rlimit64 {
                rlim_cur: 0,
                rlim_max: 0,
            };
            libc::prlimit64(target, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut limit);
            libc::prlimit64(
                target,
                libc::RLIMIT_NOFILE,
                &raw const limit,
                std::ptr::null_mut(),
            );
            let mut cpus: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(target, size_of_val(&cpus), &raw mut cpus);
            libc::sched_setaffinity(target, size_of_val(&cpus), &raw const cpus);
            libc::setpriority(
                libc::PRIO_PROCESS,
                agent,
                libc::getpriority(libc::PRIO_PROCESS, agent),
            );
            let handle = libc::syscall(libc::SYS_pidfd_open, target, 0);
            libc::syscall(libc::SYS_pidfd_getfd, handle, 1, 0);
        }
    });
    let pid = u64::from(agent);
    let told = touches(&seen);
    let kinds: Vec<_> = told.iter().map(|(touch, ..)| *touch).collect();
    assert_eq!(
        kinds,
        [
            AgentTouch::Signal,
            AgentTouch::Limits,
            AgentTouch::Processors,
            AgentTouch::Scheduling,
            AgentTouch::Handle,
            AgentTouch::DescriptorKilled
        ],
        "{seen:#?}"
    );
    assert_eq!(told[0], (AgentTouch::Signal, pid, libc::SIGUSR2));
    assert_eq!(told[1], (AgentTouch::Limits, pid, libc::RLIMIT_NOFILE as i32));
    // Also of the descriptor, by one who is gone when the event is read.
    assert!(told.iter().all(|(_, value, _)| *value == pid), "{told:?}");
}

#[test]
fn what_is_done_to_a_thread_of_the_agent_is_done_to_it() {
    let mut sensor = Sensor::start();
    let _watched_over = sensor.probe.take_holdings().expect("nobody has taken them");
    let thread = std::fs::read_dir("/proc/self/task")
        .expect("it is there")
        .filter_map(|task| task.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|number| *number != std::process::id())
        .expect("the sensor has threads");
    let seen = sensor.events_of(|| {
        // SAFETY: plain system calls; what they set is what is there already.
        unsafe {
            let priority = libc::getpriority(libc::PRIO_PROCESS, thread);
            libc::setpriority(libc::PRIO_PROCESS, thread, priority);
        }
    });
    assert_eq!(touches(&seen), [(AgentTouch::Scheduling, u64::from(thread), 0)]);
}

/// Ids of the maps that this process holds.
fn maps() -> Vec<u32> {
    let descriptors = std::fs::read_dir("/proc/self/fdinfo").expect("it is there");
    descriptors
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|about| {
            let line = about.lines().find_map(|line| line.strip_prefix("map_id:"))?;
            line.trim().parse().ok()
        })
        .collect()
}

#[test]
fn maps_of_the_agent_that_are_written_once_can_not_be_emptied_and_who_tries_is_told() {
    const MAP_DELETE_ELEM: i64 = 3;
    const MAP_GET_FD_BY_ID: i64 = 14;
    let mut sensor = Sensor::start();
    let _watched_over = sensor.probe.take_holdings().expect("nobody has taken them");
    let maps = maps();
    assert!(maps.len() > 5, "{maps:?}");
    let seen = sensor.events_of(|| {
        // Of opening a file, of any number.
        let key = (libc::SYS_openat as u32).to_ne_bytes();
        for id in &maps {
            let by_id: [u32; 4] = [*id, 0, 0, 0];
            // SAFETY: the kernel reads 16 bytes of attributes, which are there.
            let map = unsafe { libc::syscall(libc::SYS_bpf, MAP_GET_FD_BY_ID, by_id.as_ptr(), 16) };
            let key = (&raw const key) as u64;
            let delete: [u64; 4] = [map as u64, key, 0, 0];
            // SAFETY: the attributes name a key of four bytes; what another map's key is longer lies behind it on this stack.
            unsafe { libc::syscall(libc::SYS_bpf, MAP_DELETE_ELEM, delete.as_ptr(), 32) };
        }
    });
    let told = touches(&seen);
    let taken = told
        .iter()
        .filter(|(touch, ..)| *touch == AgentTouch::Object)
        .count();
    assert_eq!(taken, maps.len(), "{told:?}");
    let refused = (AgentTouch::ObjectChange, MAP_DELETE_ELEM as u64, -libc::EPERM);
    assert!(told.contains(&refused), "{told:?}");
    let directory = Directory::new("frozen");
    let file = c(directory.file("a"));
    let opened = sensor.events_of(|| {
        // SAFETY: opens and closes a file by a name that outlives the calls.
        unsafe { libc::close(libc::open(file.as_ptr(), libc::O_WRONLY)) };
    });
    assert!(
        opened.iter().any(|event| event.kind == EventKind::FileOpen),
        "{opened:#?}"
    );
}
