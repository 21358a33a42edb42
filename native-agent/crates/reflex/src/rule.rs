//! The reflexes by name: what a finding of each says of itself.
use norn_events::wire::finding::v1::Severity;

/// A reflex. Its id is stable: alerts, releases and policies refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    Ransomware,
    Fileless,
    Miner,
    ReverseShell,
    MisplacedCode,
    HooksBypassed,
}

impl Rule {
    pub const ALL: [Self; 6] = [
        Self::Ransomware,
        Self::Fileless,
        Self::Miner,
        Self::ReverseShell,
        Self::MisplacedCode,
        Self::HooksBypassed,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Self::Ransomware => "reflex.ransomware",
            Self::Fileless => "reflex.fileless",
            Self::Miner => "reflex.miner",
            Self::ReverseShell => "reflex.reverse_shell",
            Self::MisplacedCode => "reflex.misplaced_code",
            Self::HooksBypassed => "reflex.hooks_bypassed",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Ransomware => "Files encrypted or wiped",
            Self::Fileless => "Program started from memory",
            Self::Miner => "Crypto-mining",
            Self::ReverseShell => "Shell handed to a remote machine",
            Self::MisplacedCode => "Code run from where none should be",
            Self::HooksBypassed => "Hooks in a process bypassed",
        }
    }

    /// Raised whenever the reflex decides differently on the same input.
    pub fn version(self) -> u32 {
        match self {
            Self::Miner => 2,
            _ => 1,
        }
    }

    /// ATT&CK technique ids.
    pub fn techniques(self) -> &'static [&'static str] {
        match self {
            Self::Ransomware => &["T1486"],
            Self::Fileless => &["T1620"],
            Self::Miner => &["T1496"],
            Self::ReverseShell => &["T1059", "T1071"],
            Self::MisplacedCode => &["T1055", "T1620"],
            Self::HooksBypassed => &["T1562.001"],
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::Ransomware | Self::Fileless | Self::ReverseShell => Severity::Critical,
            Self::Miner | Self::MisplacedCode => Severity::High,
            Self::HooksBypassed => Severity::Medium,
        }
    }
}
