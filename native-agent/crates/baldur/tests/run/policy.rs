//! A tenant's policy from Tyr to a refused program: status, finding, and what a rule allows.
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use norn_events::wire::agent::v1::{BaldurHello, baldur_message};
use norn_events::wire::finding::v1::{Finding, FindingSource, ResponseRung, Severity};
use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField, HostRule, PolicyState};

use crate::fake_tyr::{FakeTyr, Stage, as_batch};
use crate::host_policy::{policy, rule, start, status};

fn finding(tyr: &mut FakeTyr, rule_id: &str) -> Finding {
    tyr.until("a finding", |message| {
        let (batch, _) = as_batch(message)?;
        batch
            .findings
            .into_iter()
            .find(|finding| finding.rule_id == rule_id)
    })
}

fn program(stage: &Stage, name: &str) -> PathBuf {
    let path = stage.dir.join(name);
    std::fs::copy("/bin/true", &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn shell(script: &Path) -> (u32, Option<i32>) {
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("exec {}", script.display()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (child.id(), child.wait().unwrap().code())
}

#[test]
fn both_ways_to_refuse_are_capabilities_that_were_tried_out() {
    let mut stage = Stage::new("policy-capabilities", &["--no-vault"]);
    let mut tyr = start(&mut stage);
    let is_tested = |hello: &BaldurHello| {
        let of = |name: &str| {
            hello
                .capabilities
                .iter()
                .find(|capability| capability.name == name)
                .cloned()
        };
        let found = [of("policy.exec.deny")?, of("policy.network.deny")?];
        found
            .iter()
            .all(|capability| capability.verified)
            .then_some(found)
    };
    let found = tyr.until("a hello with the self-test's result", |message| match message {
        baldur_message::Message::Hello(hello) => is_tested(hello),
        _ => None,
    });
    assert_eq!(
        found.map(|capability| capability.mechanism),
        ["fanotify", "cgroup"].map(str::to_owned)
    );
}

#[test]
fn a_program_is_refused_by_tyr_s_policy_and_told_of_with_its_process() {
    let mut stage = Stage::new("policy-exec", &["--no-vault"]);
    let mut tyr = start(&mut stage);
    let bad = program(&stage, "bad");
    assert_eq!(shell(&bad).1, Some(0));
    tyr.say(policy(
        1,
        vec![rule(
            HostEvent::Exec,
            HostAction::Deny,
            (HostField::Image, bad.to_str().unwrap()),
        )],
    ));
    let applied = status(&mut tyr, |status| status.state() == PolicyState::Applied);
    assert_eq!(
        (applied.code.as_str(), applied.epoch, applied.version),
        ("ok", 1, 3)
    );
    assert_eq!(
        (applied.policy.as_str(), applied.unenforced),
        ("trial", Vec::<String>::new())
    );
    let (pid, code) = shell(&bad);
    assert_eq!(code, Some(126));
    let told = finding(&mut tyr, "policy.trial.rule");
    assert_eq!(
        (told.source(), told.severity()),
        (FindingSource::Reflex, Severity::High)
    );
    assert_eq!(told.response.clone().unwrap().rung(), ResponseRung::Denied);
    assert_eq!(told.title, "Policy trial: rule");
    assert_eq!(
        told.summary,
        format!(
            "{} was kept from starting {}: rule rule of policy trial",
            shell_name(),
            bad.display()
        )
    );
    assert_eq!(told.process_uid, tyr.process(pid));
    assert_eq!(status(&mut tyr, |status| status.denied > 0).denied, 1);
    tyr.say(policy(2, Vec::new()));
    status(&mut tyr, |status| status.epoch == 2);
    assert_eq!(shell(&bad).1, Some(0));
}

fn shell_name() -> String {
    let real = std::fs::canonicalize("/bin/sh").unwrap();
    real.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_connection_is_refused_by_tyr_s_policy() {
    let mut stage = Stage::new("policy-connect", &["--no-vault"]);
    let mut tyr = start(&mut stage);
    tyr.say(policy(
        1,
        vec![rule(
            HostEvent::Connect,
            HostAction::Deny,
            (HostField::DestinationIp, "127.78.1.1"),
        )],
    ));
    status(&mut tyr, |status| status.state() == PolicyState::Applied);
    // The fake Tyr is guarded, so another process it has to be.
    let connect = Command::new("/bin/bash")
        .args(["-c", "exec 3<>/dev/udp/127.78.1.1/9"])
        .stderr(Stdio::null())
        .status();
    assert_ne!(connect.unwrap().code(), Some(0));
    let told = finding(&mut tyr, "policy.trial.rule");
    assert_eq!(
        told.summary,
        "bash was kept from connecting to 127.78.1.1, port 9: rule rule of policy trial"
    );
}

#[test]
fn a_malformed_policy_is_refused_and_the_one_before_stays() {
    let mut stage = Stage::new("policy-malformed", &["--no-vault"]);
    let mut tyr = start(&mut stage);
    let bad = program(&stage, "bad");
    let deny = rule(
        HostEvent::Exec,
        HostAction::Deny,
        (HostField::Image, bad.to_str().unwrap()),
    );
    tyr.say(policy(1, vec![deny.clone()]));
    status(&mut tyr, |status| status.state() == PolicyState::Applied);
    tyr.say(policy(2, vec![HostRule { event: 99, ..deny }]));
    let refused = status(&mut tyr, |status| status.state() == PolicyState::Refused);
    assert_eq!((refused.code.as_str(), refused.epoch), ("policy_malformed", 2));
    assert_eq!(shell(&bad).1, Some(126));
}

/// In a container, on a tmpfs that only its own mounts have: tried until it is refused.
const ON_A_FILE_SYSTEM_OF_ITS_OWN: &str = r#"
echo $$ > "$CGROUP/cgroup.procs"
exec unshare -m sh -c 'mount -t tmpfs none "$HOME_OF_TEST" && cp /bin/true "$HOME_OF_TEST/bad" || exit 1
for round in $(seq 200); do "$HOME_OF_TEST/bad" || exit $?; sleep 0.1; done'
"#;

#[test]
fn a_container_s_own_file_systems_ask_as_well() {
    let mut stage = Stage::new("policy-mounts", &["--no-vault"]);
    let mut tyr = start(&mut stage);
    let home = stage.dir.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let bad = home.join("bad");
    tyr.say(policy(
        1,
        vec![rule(
            HostEvent::Exec,
            HostAction::Deny,
            (HostField::Image, bad.to_str().unwrap()),
        )],
    ));
    status(&mut tyr, |status| status.state() == PolicyState::Applied);
    let id = format!("{:064x}", std::process::id());
    let cgroup = v2_root().join(format!("norn-{id}"));
    std::fs::create_dir_all(&cgroup).unwrap();
    let code = Command::new("/bin/bash")
        .args(["-c", ON_A_FILE_SYSTEM_OF_ITS_OWN])
        .env("CGROUP", &cgroup)
        .env("HOME_OF_TEST", &home)
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .code();
    let _gone = std::fs::remove_dir(&cgroup);
    assert_eq!(code, Some(126));
    assert_eq!(finding(&mut tyr, "policy.trial.rule").container_id, id);
}

fn v2_root() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    mount
        .expect("cgroup v2 is mounted")
        .split(' ')
        .nth(1)
        .unwrap()
        .into()
}
