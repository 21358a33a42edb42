//! What a rule of the tenant's policy allows. A program of its own: other tests' agents would stop what this one's lets be.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;
#[path = "../run/host_policy.rs"]
mod host_policy;

use std::process::Command;

use norn_events::wire::policy::v1::{HostAction, HostEvent, HostField, PolicyState};

use fake_tyr::{Stage, as_batch};
use host_policy::{policy, rule, start, status};

/// A program from memory: python's own, which the fileless reflex would kill.
const FROM_MEMORY: &str = "import os
fd = os.memfd_create('trial')
os.write(fd, open('/bin/sleep', 'rb').read())
os.execv(f'/proc/self/fd/{fd}', ['sleep', '1'])";

#[test]
fn what_a_rule_allows_is_told_of_and_not_stopped() {
    let mut stage = Stage::new("policy-allow", &["--no-vault"]);
    let mut tyr = start(&mut stage);
    let run = || {
        Command::new("python3")
            .args(["-c", FROM_MEMORY])
            .status()
            .unwrap()
    };
    assert_eq!(run().code(), None, "killed by the reflex");
    tyr.say(policy(
        1,
        vec![rule(
            HostEvent::Exec,
            HostAction::Allow,
            (HostField::Image, "memfd:trial"),
        )],
    ));
    status(&mut tyr, |status| status.state() == PolicyState::Applied);
    assert_eq!(run().code(), Some(0));
    let withheld = tyr.until("a finding that says why nothing was done", |message| {
        let (batch, _) = as_batch(message)?;
        let evidence = batch.findings.into_iter().flat_map(|finding| finding.evidence);
        evidence
            .into_iter()
            .find(|evidence| evidence.field == "response.withheld")
    });
    assert_eq!(withheld.value, "policy.trial.rule allows it");
}
