//! Facts of a process that runs, from the table of processes: for whoever asks later than at its start.
use norn_events::wire::policy::v1::HostField;
use norn_events::{Process, ProcessIndex, ProcessTable};

use crate::decide::Facts;
use crate::known::Known;
use crate::proc::ANCESTORS_MAX;
use crate::rule::FLAG_NAMES;

pub struct TableFacts<'a> {
    index: ProcessIndex,
    processes: &'a ProcessTable,
    known: &'a Known,
}

impl<'a> TableFacts<'a> {
    pub fn new(index: ProcessIndex, processes: &'a ProcessTable, known: &'a Known) -> Self {
        Self {
            index,
            processes,
            known,
        }
    }

    fn above(&self) -> Vec<String> {
        let next = |index: &ProcessIndex| self.processes.parent(*index);
        let chain = std::iter::successors(self.processes.parent(self.index), next).take(ANCESTORS_MAX);
        chain
            .filter_map(|index| self.processes.get(index))
            .map(path)
            .collect()
    }
}

fn path(process: &Process) -> String {
    String::from_utf8_lossy(&process.image.path).into_owned()
}

impl Facts for TableFacts<'_> {
    fn values(&mut self, field: HostField) -> Option<Vec<String>> {
        let process = self.processes.get(self.index)?;
        let container = process.container.as_deref().unwrap_or_default();
        let place = || self.known.place(container);
        Some(match field {
            HostField::Image => vec![path(process)],
            HostField::ParentImage => self.above().into_iter().take(1).collect(),
            HostField::AncestorImages => self.above(),
            HostField::Sha256 => {
                let sum = process.image.sha256?;
                vec![sum.iter().map(|byte| format!("{byte:02x}")).collect()]
            }
            HostField::Container => vec![container.to_owned()],
            HostField::ContainerImage | HostField::PodNamespace | HostField::PodLabels
                if container.is_empty() =>
            {
                Vec::new()
            }
            HostField::ContainerImage => vec![place()?.image],
            HostField::PodNamespace => vec![place()?.pod_namespace],
            HostField::PodLabels => place()?.pod_labels,
            HostField::UserId => vec![process.user_id.to_string()],
            HostField::ImageFlags => {
                let set = FLAG_NAMES
                    .iter()
                    .filter(|(bit, _)| process.image.flags & bit != 0);
                set.map(|&(_, name)| name.to_owned()).collect()
            }
            HostField::DestinationIp
            | HostField::DestinationPort
            | HostField::Protocol
            | HostField::Unspecified => Vec::new(),
        })
    }
}
