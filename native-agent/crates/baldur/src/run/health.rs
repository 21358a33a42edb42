//! What Baldur says of itself: hello and heartbeat.
use std::fs;

use norn_events::BatchBuilder;
use norn_events::wire::agent::v1::{BaldurHeartbeat, BaldurHello};
use norn_events::wire::event::v1::{AgentHealth, UnwatchedPlace};
use norn_hooked::Hooks;
use norn_os::clock::boot_ns;
use norn_reflex::Reflexes;
use norn_vault::RefusedMount;

use super::enforcement::Enforcement;
use super::insight;
use super::keeper::Keeper;
use super::outbox::Outbox;
use super::own_network::OwnNetwork;
use super::sensor::Sensor;

/// Those who are asked.
pub struct Parts<'a> {
    pub sensor: &'a Sensor,
    pub keeper: &'a Keeper,
    pub enforcement: &'a Enforcement,
    pub reflexes: &'a Reflexes,
    pub hooks: &'a Hooks,
    pub own_network: &'a OwnNetwork,
    pub outbox: &'a Outbox,
    pub builder: &'a BatchBuilder,
}

pub fn hello(parts: &Parts<'_>, stream_id: &[u8]) -> BaldurHello {
    let mut capabilities = parts.sensor.capabilities();
    capabilities.extend(parts.keeper.capabilities());
    capabilities.extend(parts.enforcement.capabilities());
    // Inside a container nobody asks the kernel for samples, and everybody has hooks.
    if parts.sensor.container().is_none() {
        capabilities.extend(insight::capabilities(&parts.reflexes.insight_status()));
        capabilities.extend(parts.hooks.capabilities());
    }
    capabilities.push(parts.own_network.capability());
    BaldurHello {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        stream_id: stream_id.to_vec(),
        capabilities,
        container_id: parts.sensor.container().unwrap_or_default().to_owned(),
    }
}

pub fn heartbeat(parts: &Parts<'_>, started_ns: u64) -> BaldurHeartbeat {
    let (vault, sensor) = (parts.keeper.health(), parts.sensor.stats());
    let insight = parts.reflexes.insight_status();
    let health = AgentHealth {
        uptime_us: (boot_ns() - started_ns) / 1_000,
        samples: insight.samples,
        samples_lost: insight.samples_lost,
        samples_refused: insight.refused,
        loops_decoded: insight.looks,
        memory_maps_read: insight.maps,
        cpus_not_sampled: u64::from(insight.coverage.silent),
        sampling_us: insight.spent_ns / 1_000,
        events_shed: sensor.shed_bulk,
        hashes_refused: sensor.hashes_refused,
        records_malformed: sensor.records_malformed,
        compat_calls: sensor.compat_calls,
        calls_unread: parts.sensor.unread(),
        changes_dropped: vault.changes_dropped + vault.mapped_refused,
        directories_refused: vault.directories_refused,
        copies_refused: vault.rests_refused,
        self_test_retries: vault.self_test_retries,
        baldur_rss_bytes: rss_bytes(),
        events_total: sensor.events,
        newest_event_at_us: parts.builder.newest_us(),
        events_lost: sensor.lost_critical + sensor.lost_bulk + parts.outbox.lost_total() + vault.events_lost,
        vault_bytes: vault.bytes,
        vault_files: vault.files,
        permission_timeouts: vault.permission_timeouts,
        vault_restorable: vault.restorable,
        vault_evicted: vault.evicted_files,
        vault_too_large: vault.too_large,
        vault_files_present: vault.files_present,
        vault_files_unkept: vault.files_unkept,
        vault_files_counted_at_us: vault.files_counted_at_us,
        vault_unwatched: vault.unwatched,
        places_watched: vault.places_watched,
        places_unwatched: vault.places_unwatched,
        unwatched_places: vault.unwatched_places.into_iter().map(named).collect(),
        vault_rewatched: vault.rewatched,
        mounts_told: vault.mounts_told,
        mounts_unread: vault.mounts_unread,
        mounts_watched: vault.mounts_watched,
        mounts_refused: vault.mounts_refused,
        vault_bytes_max: vault.bytes_max,
        holds_dropped: vault.holds_dropped,
        isolated: parts.own_network.is_cut_off(),
        ..parts.hooks.health()
    };
    BaldurHeartbeat {
        health: Some(health),
        responder_age_ms: u32::try_from(vault.responder_age_ms.max(parts.enforcement.responder_age_ms()))
            .unwrap_or(u32::MAX),
        last_batch_seq: parts.outbox.last_seq(),
    }
}

fn named(place: RefusedMount) -> UnwatchedPlace {
    UnwatchedPlace {
        path: String::from_utf8_lossy(&place.path).into_owned(),
        reason: place.reason.to_owned(),
    }
}

/// Second field of /proc/self/statm, pages of 4 KiB.
fn rss_bytes() -> u64 {
    fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split_ascii_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * 4_096)
}
