use std::sync::Arc;

use norn_events::{Image, ProcessUid};

use super::*;

fn process(pid: u32, namespace_pid: u32, path: &str) -> Process {
    let mut uid = [0; 16];
    uid[..4].copy_from_slice(&pid.to_le_bytes());
    Process {
        uid: ProcessUid(uid),
        parent_uid: ProcessUid::UNKNOWN,
        pid,
        namespace_pid,
        parent_pid: 1,
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 1,
        image: Arc::new(Image {
            path: path.into(),
            ..Image::default()
        }),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    }
}

fn choice(programs: &[&str]) -> Choice {
    Choice::new(HookOptions {
        suspects: false,
        programs: programs.iter().map(OsString::from).collect(),
    })
}

#[test]
fn nobody_is_chosen_until_somebody_is_named() {
    assert!(!choice(&[]).is_on());
    assert!(!choice(&[]).is_named(&process(7, 7, "/usr/sbin/nginx")));
}

#[test]
fn a_name_means_it_anywhere_and_a_path_that_file_alone() {
    let named = |wanted: &str, path: &str| choice(&[wanted]).is_named(&process(7, 7, path));
    assert!(named("nginx", "/usr/sbin/nginx") && named("/usr/sbin/nginx", "/usr/sbin/nginx"));
    assert!(!named("nginx", "/usr/sbin/nginx-debug") && !named("/usr/sbin/nginx", "/tmp/nginx"));
}

#[test]
fn the_agent_the_init_and_runtimes_are_left_alone() {
    let mut choice = choice(&["worker"]);
    choice.guard(vec![40]);
    let own = std::env::current_exe().unwrap();
    for why in [Why::Named, Why::Suspect] {
        let refusal = |process: &Process| choice.refusal(process, why);
        assert_eq!(refusal(&process(40, 40, "/usr/bin/node")), Some("HOOK_OWN"));
        assert_eq!(refusal(&process(41, 41, own.to_str().unwrap())), Some("HOOK_OWN"));
        assert_eq!(refusal(&process(1, 1, "/sbin/init")), Some("HOOK_INIT"));
        assert_eq!(refusal(&process(9, 9, "/usr/sbin/runc")), Some("HOOK_RUNTIME"));
        assert_eq!(refusal(&process(9, 9, "/usr/bin/worker")), None);
    }
}

#[test]
fn the_first_process_of_a_container_is_hooked_when_it_is_suspected_or_meant_by_its_path() {
    let init = process(900, 1, "/usr/bin/worker");
    let refusal = |wanted: &str, why| choice(&[wanted]).refusal(&init, why);
    assert_eq!(refusal("worker", Why::Named), Some("HOOK_CONTAINER_INIT"));
    assert_eq!(refusal("/usr/bin/worker", Why::Named), None);
    assert_eq!(refusal("worker", Why::Suspect), None);
}
