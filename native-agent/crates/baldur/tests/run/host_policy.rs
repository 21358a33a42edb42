//! Policies of a trial, as Tyr hands them over.
use norn_events::wire::agent::v1::{HostPolicyForHost, baldur_message, tyr_message};
use norn_events::wire::policy::v1::{
    HostAction, HostEvent, HostField, HostMatch, HostOperator, HostPolicy, HostPolicyStatus, HostRule,
    HostTest, RuleText,
};

use crate::fake_tyr::{FakeTyr, Stage};

pub fn rule(event: HostEvent, action: HostAction, (field, value): (HostField, &str)) -> HostRule {
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

pub fn policy(epoch: u64, rules: Vec<HostRule>) -> tyr_message::Message {
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

pub fn status(tyr: &mut FakeTyr, what: impl Fn(&HostPolicyStatus) -> bool) -> HostPolicyStatus {
    tyr.until("a status of the policy", |message| match message {
        baldur_message::Message::PolicyStatus(status) if what(status) => Some(status.clone()),
        _ => None,
    })
}

pub fn start(stage: &mut Stage) -> FakeTyr {
    stage.start_baldur();
    stage.accept().0
}
