-- When ends of processes may be missing, and when it was made good. 1: the host's agent told of all that ran at that time, so what it did not name
-- has ended. 2: what the host had told was lost on its way (an agent's queue, its spool): ends may be among it.
CREATE TABLE IF NOT EXISTS lifecycle_marks (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  mark UInt8,
  time DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (tenant_id, host_id, mark, time)
TTL toDateTime(time) + INTERVAL 30 DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS lifecycle_listings_of_events TO lifecycle_marks AS
SELECT DISTINCT tenant_id, host_id, toUInt8(1) AS mark, time FROM events WHERE kind = 4 AND bitAnd(flags, 1) = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS lifecycle_losses_of_events TO lifecycle_marks AS
SELECT tenant_id, host_id, toUInt8(2) AS mark, time FROM events WHERE kind = 40 AND flags IN (3, 4);

INSERT INTO lifecycle_marks SELECT tenant_id, host_id, toUInt8(2) AS mark, time FROM events WHERE kind = 40 AND flags IN (3, 4);

-- How far stored events of a host go: a host whose agent told of later ones is behind.
CREATE TABLE IF NOT EXISTS host_progress (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  stored_at SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (tenant_id, host_id)
TTL toDateTime(stored_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS host_progress_of_events TO host_progress AS
SELECT tenant_id, host_id, max(time) AS stored_at FROM events GROUP BY tenant_id, host_id;

INSERT INTO host_progress SELECT tenant_id, host_id, max(time) AS stored_at FROM events GROUP BY tenant_id, host_id;
