-- When a process ended, found by its uid: whoever asks whether an attack is over must not read all that its host did since. `found`: the end was
-- not seen, but found later; its time is not known then.
CREATE TABLE IF NOT EXISTS process_ends (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  process_uid FixedString(16),
  ended_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  result Int32 CODEC(ZSTD(1)),
  found UInt8
) ENGINE = ReplacingMergeTree(ended_at)
ORDER BY (tenant_id, host_id, process_uid)
TTL toDateTime(ended_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS process_ends_of_events TO process_ends AS
SELECT tenant_id, host_id, process_uid, time AS ended_at, result, toUInt8(bitAnd(flags, 1)) AS found FROM events WHERE kind = 3;

-- What an agent found running when it started: a process of before that is not among it ended while nobody looked.
CREATE TABLE IF NOT EXISTS process_sightings (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  process_uid FixedString(16),
  seen_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (tenant_id, host_id, process_uid)
TTL toDateTime(seen_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS process_sightings_of_events TO process_sightings AS
SELECT tenant_id, host_id, process_uid, time AS seen_at FROM events WHERE kind = 4;

-- When the agent of each stream looked for the first time.
CREATE TABLE IF NOT EXISTS agent_starts (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  stream_id FixedString(16),
  started_at SimpleAggregateFunction(min, DateTime64(6, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (tenant_id, host_id, stream_id)
TTL toDateTime(started_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS agent_starts_of_events TO agent_starts AS
SELECT tenant_id, host_id, stream_id, min(time) AS started_at FROM events WHERE kind = 4 GROUP BY tenant_id, host_id, stream_id;

INSERT INTO process_ends SELECT tenant_id, host_id, process_uid, time AS ended_at, result, toUInt8(bitAnd(flags, 1)) AS found FROM events WHERE kind = 3;
INSERT INTO process_sightings SELECT tenant_id, host_id, process_uid, time AS seen_at FROM events WHERE kind = 4;
INSERT INTO agent_starts SELECT tenant_id, host_id, stream_id, min(time) AS started_at FROM events WHERE kind = 4 GROUP BY tenant_id, host_id, stream_id;
