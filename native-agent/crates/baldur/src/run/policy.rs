//! What each reflex does when it fires. Kill until Tyr says otherwise: an agent alone still protects.
use norn_events::wire::agent::v1::{AgentPolicy, ReflexMode};
use norn_reflex::Rule;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    ransomware: ReflexMode,
    fileless: ReflexMode,
    miner: ReflexMode,
    reverse_shell: ReflexMode,
}

impl Default for Modes {
    fn default() -> Self {
        let kill = ReflexMode::Kill;
        Self {
            ransomware: kill,
            fileless: kill,
            miner: kill,
            reverse_shell: kill,
        }
    }
}

impl Modes {
    pub fn of(policy: &AgentPolicy) -> Self {
        Self {
            ransomware: or_kill(policy.ransomware()),
            fileless: or_kill(policy.fileless()),
            miner: or_kill(policy.miner()),
            reverse_shell: or_kill(policy.reverse_shell()),
        }
    }

    pub fn kills_fileless(&self) -> bool {
        self.fileless == ReflexMode::Kill
    }

    pub fn mode(&self, rule: Rule) -> ReflexMode {
        match rule {
            Rule::Ransomware => self.ransomware,
            Rule::Fileless => self.fileless,
            // Told of and not stopped: no list of runtimes that make code as they run is known to be whole.
            Rule::MisplacedCode => ReflexMode::Observe,
            // Nor is every way known in which an honest program makes its own calls.
            Rule::HooksBypassed => ReflexMode::Observe,
            Rule::Miner => self.miner,
            Rule::ReverseShell => self.reverse_shell,
        }
    }
}

fn or_kill(mode: ReflexMode) -> ReflexMode {
    if mode == ReflexMode::Unspecified {
        ReflexMode::Kill
    } else {
        mode
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_policy_leaves_open_is_kill() {
        let policy = AgentPolicy {
            miner: ReflexMode::Observe.into(),
            ..AgentPolicy::default()
        };
        let modes = Modes::of(&policy);
        assert_eq!(
            (modes.mode(Rule::Miner), modes.mode(Rule::Fileless)),
            (ReflexMode::Observe, ReflexMode::Kill)
        );
        let kills = |rule| Modes::default().mode(rule) == ReflexMode::Kill;
        assert!(
            Rule::ALL
                .iter()
                .all(|&rule| kills(rule) != matches!(rule, Rule::MisplacedCode | Rule::HooksBypassed))
        );
    }
}
