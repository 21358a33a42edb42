//! The CPUs of this machine: which are online, how busy each was, and how a thread visits them one after the other.
use std::collections::HashMap;
use std::fs;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// USER_HZ is 100 on every machine that Linux runs on here: ns of one tick.
const TICK_NS: u64 = 10_000_000;
/// A file that names more is none of the kernel's.
const CPUS_MAX: u32 = 65_536;

/// Those online now. Without sysfs, as many as there are, from 0 on.
pub fn online() -> Vec<u32> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online");
    let cpus = list.map_or_else(|_| Vec::new(), |list| parse_list(&list));
    if !cpus.is_empty() {
        return cpus;
    }
    let count = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten().unwrap_or(1);
    (0..count as u32).collect()
}

/// "0-3,8": as the kernel lists CPUs.
fn parse_list(list: &str) -> Vec<u32> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        (last < CPUS_MAX).then_some(first..=last)
    };
    list.trim().split(',').filter_map(range).flatten().collect()
}

/// Time that each CPU spent on processes since the boot, ns, in user code and for them in the kernel; what a hypervisor took
/// away is not in it.
pub fn busy() -> HashMap<u32, u64> {
    fs::read_to_string("/proc/stat").map_or_else(|_| HashMap::new(), |stat| parse_busy(&stat))
}

fn parse_busy(stat: &str) -> HashMap<u32, u64> {
    let of_line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let cpu = fields.next()?.strip_prefix("cpu")?.parse().ok()?;
        let ticks = fields.take(3).filter_map(|ticks| ticks.parse::<u64>().ok());
        Some((cpu, ticks.sum::<u64>() * TICK_NS))
    };
    stat.lines().filter_map(of_line).collect()
}

/// Runs this thread on each of these CPUs in turn, as long as `act` wants more, and then where it could run before. CPUs that
/// it may not run on are left out.
pub fn on_each(cpus: &[u32], mut act: impl FnMut(u32) -> bool) {
    let this = Pid::from_raw(0);
    let Ok(before) = sched_getaffinity(this) else {
        return;
    };
    let is_there = |cpu: u32| {
        let mut only = CpuSet::new();
        only.set(cpu as usize).is_ok() && sched_setaffinity(this, &only).is_ok()
    };
    for &cpu in cpus {
        if is_there(cpu) && !act(cpu) {
            break;
        }
    }
    // It was allowed a moment ago. Where it is refused all the same, CPUs went: any that is left will do.
    if sched_setaffinity(this, &before).is_err() {
        let mut any = CpuSet::new();
        for cpu in online() {
            let _beyond_the_set = any.set(cpu as usize);
        }
        let _as_it_is = sched_setaffinity(this, &any);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(parse_list("0\n"), [0]);
        assert_eq!(parse_list("\n"), [0; 0]);
        assert_eq!(parse_list("1-99999999"), [0; 0]);
    }

    #[test]
    fn a_cpu_is_busy_with_processes_and_not_with_waiting() {
        let stat = "cpu  9 9 9 9 9\ncpu0 100 20 3 5000 7 0 9 50 0 0\ncpu12 1 0 0 9 0\nintr 4 5\n";
        assert_eq!(
            parse_busy(stat),
            HashMap::from([(0, 1_230_000_000), (12, 10_000_000)])
        );
    }

    #[test]
    fn a_thread_that_visited_every_cpu_may_run_where_it_could_before() {
        let this = Pid::from_raw(0);
        let before = sched_getaffinity(this).unwrap();
        let (cpus, mut visited) = (online(), Vec::new());
        on_each(&cpus, |cpu| {
            visited.push(cpu);
            let only = sched_getaffinity(this).unwrap();
            (0..CpuSet::count()).all(|other| only.is_set(other).unwrap() == (other == cpu as usize))
        });
        assert!(!visited.is_empty());
        assert_eq!(sched_getaffinity(this).unwrap(), before);
        assert_eq!(visited, cpus, "this test may run everywhere");
    }
}
