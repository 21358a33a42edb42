//! What a rule of the tenant's policy allows. A program of its own: other tests' agents would stop what this one's lets be.
#[path = "../run/fake_tyr.rs"]
mod fake_tyr;

use std::process::Command;

use norn_events::wire::agent::v1::{HostPolicyForHost, baldur_message, tyr_message};
use norn_events::wire::policy::v1::{
    HostAction, HostEvent, HostField, HostMatch, HostOperator, HostPolicy, HostPolicyStatus, HostRule,
    HostTest, PolicyState, RuleText,
};

use fake_tyr::{FakeTyr, Stage, as_batch};

fn rule(event: HostEvent, action: HostAction, (field, value): (HostField, &str)) -> HostRule {
    let test = HostTest {
        field: field.into(),
        operator: HostOperator::Like.into(),
        values: vec![value.to_owned()],
        ..HostTest::default()
    };
    HostRule {
        name: "trial.rule".to_owned(),
        event: event.into(),
        action: action.into(),
        any: vec![HostMatch { all: vec![test] }],
        text: Some(RuleText {
            level: "high".to_owned(),
            techniques: vec!["T1059".to_owned()],
            summary: "rule rule of policy trial".to_owned(),
        }),
        ..HostRule::default()
    }
}

fn policy(epoch: u64, rules: Vec<HostRule>) -> tyr_message::Message {
    tyr_message::Message::HostPolicy(HostPolicyForHost {
        policy: Some(HostPolicy {
            epoch,
            policy: "trial".to_owned(),
            version: 3,
            rules,
            ..HostPolicy::default()
        }),
        groups: Vec::new(),
    })
}

fn status(tyr: &mut FakeTyr, what: impl Fn(&HostPolicyStatus) -> bool) -> HostPolicyStatus {
    tyr.until("a status of the policy", |message| match message {
        baldur_message::Message::PolicyStatus(status) if what(status) => Some(status.clone()),
        _ => None,
    })
}

fn start(stage: &mut Stage) -> FakeTyr {
    stage.start_baldur();
    stage.accept().0
}

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
