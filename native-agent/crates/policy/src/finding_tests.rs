use norn_events::wire::finding::v1::Severity;
use norn_events::wire::policy::v1::HostAction;
use norn_events::{Image, Process};
use std::sync::Arc;

use super::*;

fn policy(summary: &str) -> Policy {
    Policy {
        name: "shop".to_owned(),
        rules: vec![Rule {
            name: "shop.shells".to_owned(),
            event: HostEvent::Exec,
            action: HostAction::Deny,
            acts_from_us: 0,
            any: Vec::new(),
            severity: Severity::High,
            techniques: vec!["T1059".to_owned()],
            summary: summary.to_owned(),
        }],
        ..Policy::default()
    }
}

fn denial(time_s: u64) -> Denial {
    Denial {
        event: HostEvent::Exec,
        time_ns: time_s * 1_000_000_000,
        pid: 7,
        start_ticks: 30,
        process: "/usr/sbin/nginx".to_owned(),
        parent: "/sbin/init".to_owned(),
        image: "/bin/sh".to_owned(),
        user: "33".to_owned(),
        matched: vec![(HostField::Image, "/bin/sh".to_owned())],
        ..Denial::default()
    }
}

const BY: ProcessUid = ProcessUid([7; 16]);

#[test]
fn a_finding_says_which_rule_refused_what_to_whom() {
    let finding = Findings::default()
        .tell(&denial(1), (&policy("rule shells of policy shop"), BY), 5)
        .unwrap();
    assert_eq!(
        (finding.rule_id.as_str(), finding.title.as_str()),
        ("policy.shop.shells", "Policy shop: shells")
    );
    assert_eq!(
        finding.summary,
        "nginx was kept from starting /bin/sh: rule shells of policy shop"
    );
    assert_eq!(
        (finding.severity(), finding.source()),
        (Severity::High, FindingSource::Reflex)
    );
    assert_eq!(finding.response.clone().unwrap().rung(), ResponseRung::Denied);
    assert_eq!(
        (finding.id.len(), finding.time_us, finding.scope_uid.len()),
        (32, 5, 16)
    );
    let evidence: Vec<_> = finding
        .evidence
        .iter()
        .map(|one| (one.field.as_str(), one.value.as_str()))
        .collect();
    assert_eq!(
        evidence,
        [
            ("Image", "/bin/sh"),
            ("ParentImage", "/usr/sbin/nginx"),
            ("UserId", "33"),
            ("policy.action", "deny"),
            ("policy.response", "denied"),
        ]
    );
}

#[test]
fn names_in_braces_are_replaced_once_and_unknown_ones_stay() {
    let mut odd = denial(1);
    odd.image = "/tmp/{parent}".to_owned();
    let said = Findings::default().tell(
        &odd,
        (
            &policy("{process} {parent} {ParentImage} {Image} {nothing} {"),
            BY,
        ),
        0,
    );
    let summary = said.unwrap().summary;
    assert!(
        summary.ends_with("nginx init /usr/sbin/nginx /tmp/{parent} {nothing} {"),
        "{summary}"
    );
    let connect = Denial {
        event: HostEvent::Connect,
        address: "10.0.0.1".to_owned(),
        port: 25,
        ..denial(1)
    };
    let said = Findings::default()
        .tell(&connect, (&policy(""), BY), 0)
        .unwrap()
        .summary;
    assert_eq!(said, "nginx was kept from connecting to 10.0.0.1, port 25");
}

#[test]
fn the_first_is_told_at_once_and_more_of_the_same_are_counted() {
    let (mut findings, policy) = (Findings::default(), policy(""));
    let first = findings.tell(&denial(100), (&policy, BY), 0).unwrap();
    for _ in 0..1_000 {
        assert_eq!(findings.tell(&denial(101), (&policy, BY), 0), None);
    }
    let second = findings.tell(&denial(161), (&policy, BY), 0).unwrap();
    assert_ne!(first.id, second.id);
    let count = second.evidence.last().unwrap();
    assert_eq!(
        (count.field.as_str(), count.value.as_str()),
        ("policy.refused_since_last_told", "1000")
    );
    assert_eq!(findings.counted, 1_000);
    assert_eq!(
        Findings::default().tell(&denial(5), (&policy, BY), 0).unwrap().id,
        first.id,
        "the id is the same again"
    );
}

#[test]
fn a_loop_of_new_processes_is_bounded_by_rule() {
    let (mut findings, policy) = (Findings::default(), policy(""));
    let mut tell = |time_s: u64, number: u32| {
        let mut by = BY;
        by.0[..4].copy_from_slice(&number.to_le_bytes());
        findings.tell(&denial(time_s), (&policy, by), 0).is_some()
    };
    let told = (0..10_000).filter(|&number| tell(100, number)).count();
    assert_eq!(told, OF_RULE_MAX as usize);
    assert!(tell(161, 20_000), "a minute later again");
}

#[test]
fn a_process_is_found_by_pid_and_start_also_after_its_end() {
    let mut processes = ProcessTable::default();
    let process = |uid: u8, start_time_ns| Process {
        uid: ProcessUid([uid; 16]),
        parent_uid: ProcessUid::UNKNOWN,
        pid: 7,
        namespace_pid: 7,
        parent_pid: 1,
        start_time_ns,
        end_time_ns: None,
        image_number: 0,
        image: Arc::new(Image::default()),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    };
    let boot = [1; 16];
    assert_eq!(process_of(&denial(1), &processes, &boot), None);
    let ended = processes.insert(process(1, 305_000_000));
    processes.end(ended, 1);
    processes.insert(process(2, 905_000_000));
    assert_eq!(
        process_of(&denial(1), &processes, &boot),
        Some(ProcessUid([1; 16]))
    );
    let exact = Denial {
        start_time_ns: 12,
        ..denial(1)
    };
    let uid = process_uid(&boot, 7, 12);
    assert_eq!(
        (process_of(&exact, &processes, &boot), exact_uid(&exact, &boot)),
        (None, uid)
    );
    processes.insert(Process {
        uid,
        ..process(3, 12)
    });
    assert_eq!(process_of(&exact, &processes, &boot), Some(uid));
}

#[test]
fn a_process_that_is_gone_is_told_of_by_the_table() {
    let mut processes = ProcessTable::default();
    let process = |uid: u8, parent: u8, path: &str| Process {
        uid: ProcessUid([uid; 16]),
        parent_uid: ProcessUid([parent; 16]),
        pid: uid.into(),
        namespace_pid: uid.into(),
        parent_pid: parent.into(),
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 1,
        image: Arc::new(Image {
            path: path.as_bytes().to_vec(),
            ..Image::default()
        }),
        container: Some("c".into()),
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    };
    processes.insert(process(1, 0, "/bin/sh"));
    processes.insert(process(2, 1, "/bin/nc"));
    let mut gone = Denial::default();
    complete(&mut gone, ProcessUid([2; 16]), &processes);
    assert_eq!(
        (gone.image.as_str(), gone.process.as_str()),
        ("/bin/nc", "/bin/nc")
    );
    assert_eq!((gone.parent.as_str(), gone.container.as_str()), ("/bin/sh", "c"));
    let mut known = denial(1);
    complete(&mut known, ProcessUid([2; 16]), &processes);
    assert_eq!(known.image, "/bin/sh", "what was seen at the time goes before");
}
