//! What is known of containers beyond their id: what the runtime was asked for, and when they began. Told by whoever learns it.
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use norn_events::wire::event::v1::ContainerFact;

/// Containers known at once; of more, nothing is known.
pub const CONTAINERS_MAX: usize = 8_192;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub image: String,
    pub pod_namespace: String,
    /// "app=web".
    pub pod_labels: Vec<String>,
}

#[derive(Debug, Default)]
struct Containers {
    places: HashMap<String, Place>,
    /// Unix ns, of the first process seen.
    began_ns: HashMap<String, u64>,
}

#[derive(Debug)]
pub struct Known {
    containers: RwLock<Containers>,
    /// Of the agent: what changed later is new on the host. Unix ns.
    pub started_ns: u64,
    /// Of the boot, Unix ns.
    pub boot_ns: u64,
}

impl Known {
    pub fn new(started_ns: u64, boot_ns: u64) -> Self {
        Self {
            containers: RwLock::default(),
            started_ns,
            boot_ns,
        }
    }

    /// All that run, not a difference. True when that changed anything.
    pub fn learn(&self, facts: &[ContainerFact]) -> bool {
        let running = facts
            .iter()
            .filter(|fact| fact.ended_at_us == 0)
            .take(CONTAINERS_MAX);
        let places: HashMap<String, Place> = running
            .map(|fact| (fact.container_id.clone(), place_of(fact)))
            .collect();
        let mut containers = self.containers.write().unwrap_or_else(PoisonError::into_inner);
        let changed = containers.places != places;
        containers.places = places;
        changed
    }

    /// A process of a container was seen that started at this moment after the boot; the first one counts.
    pub fn seen(&self, container: &str, start_time_ns: u64) {
        let start_unix_ns = self.boot_ns + start_time_ns;
        let mut containers = self.containers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(began) = containers.began_ns.get_mut(container) {
            *began = start_unix_ns.min(*began);
            return;
        }
        if containers.began_ns.len() >= CONTAINERS_MAX {
            let Containers { places, began_ns } = &mut *containers;
            began_ns.retain(|id, _| places.contains_key(id));
        }
        if containers.began_ns.len() < CONTAINERS_MAX {
            containers.began_ns.insert(container.to_owned(), start_unix_ns);
        }
    }

    pub fn place(&self, container: &str) -> Option<Place> {
        let containers = self.containers.read().unwrap_or_else(PoisonError::into_inner);
        containers.places.get(container).cloned()
    }

    /// From when on a changed file is new there; `None` while the container's start is not known.
    pub fn new_since_ns(&self, container: &str) -> Option<u64> {
        if container.is_empty() {
            return Some(self.started_ns);
        }
        let containers = self.containers.read().unwrap_or_else(PoisonError::into_inner);
        containers.began_ns.get(container).copied()
    }
}

fn place_of(fact: &ContainerFact) -> Place {
    let mut pod_labels: Vec<String> = fact
        .pod_labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    // Told as a map: in no order, and another one each time.
    pod_labels.sort_unstable();
    Place {
        image: fact.image.clone(),
        pod_namespace: fact.pod_namespace.clone(),
        pod_labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(id: &str, image: &str, ended_at_us: u64) -> ContainerFact {
        ContainerFact {
            container_id: id.to_owned(),
            image: image.to_owned(),
            ended_at_us,
            ..ContainerFact::default()
        }
    }

    #[test]
    fn the_newest_facts_replace_all_before_and_say_whether_they_differ() {
        let known = Known::new(7, 100);
        assert!(known.learn(&[fact("a", "shop/web:1", 0), fact("b", "old", 5)]));
        assert!(!known.learn(&[fact("a", "shop/web:1", 0)]));
        assert_eq!(known.place("a").unwrap().image, "shop/web:1");
        assert_eq!(known.place("b"), None);
        assert!(known.learn(&[]) && known.place("a").is_none());
    }

    #[test]
    fn labels_of_a_pod_in_another_order_are_the_same() {
        let known = Known::new(7, 100);
        let labelled = |labels: [(&str, &str); 2]| ContainerFact {
            pod_labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..fact("a", "shop/web:1", 0)
        };
        assert!(known.learn(&[labelled([("app", "web"), ("tier", "front")])]));
        assert!(!known.learn(&[labelled([("tier", "front"), ("app", "web")])]));
        assert_eq!(known.place("a").unwrap().pod_labels, ["app=web", "tier=front"]);
        assert!(known.learn(&[labelled([("app", "web"), ("tier", "back")])]));
    }

    #[test]
    fn a_container_began_with_the_first_process_seen_in_it() {
        let known = Known::new(7, 100);
        assert_eq!((known.new_since_ns(""), known.new_since_ns("a")), (Some(7), None));
        known.seen("a", 30);
        known.seen("a", 20);
        known.seen("a", 40);
        assert_eq!(known.new_since_ns("a"), Some(120));
    }
}
