-- One row an event. A batch's rows are stored by one insert, all or none; storage asks here for the highest batch of a stream
-- before it stores one that may have come before. process_uid and its like are raw 16 bytes; show them with lower(hex(…)).
CREATE TABLE IF NOT EXISTS events (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  kind UInt8,
  stream_id FixedString(16) CODEC(ZSTD(1)),
  batch_seq UInt64 CODEC(Delta, ZSTD(1)),
  row UInt16 CODEC(Delta, ZSTD(1)),
  process_uid FixedString(16) CODEC(ZSTD(1)),
  lineage_uid FixedString(16) CODEC(ZSTD(1)),
  pid UInt32 CODEC(ZSTD(1)),
  container_id LowCardinality(String),
  image_path LowCardinality(String),
  path String CODEC(ZSTD(1)),
  target String CODEC(ZSTD(1)),
  flags UInt32 CODEC(ZSTD(1)),
  value UInt64 CODEC(ZSTD(1)),
  result Int32 CODEC(ZSTD(1))
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (tenant_id, host_id, time)
TTL toDateTime(time) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- One row for each (process, image) as a batch described it; the newest description that knows the exec wins.
CREATE TABLE IF NOT EXISTS processes (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  process_uid FixedString(16),
  image_number UInt32,
  parent_uid FixedString(16),
  lineage_uid FixedString(16),
  -- Nearest first, at most 32.
  ancestor_uids Array(FixedString(16)),
  pid UInt32,
  namespace_pid UInt32,
  parent_pid UInt32,
  container_id LowCardinality(String),
  container_name LowCardinality(String),
  container_image LowCardinality(String),
  user_id UInt32,
  user_name LowCardinality(String),
  group_id UInt32,
  image_path LowCardinality(String),
  command_line String CODEC(ZSTD(1)),
  image_sha256 FixedString(32),
  image_flags UInt32,
  working_directory String CODEC(ZSTD(1)),
  start_time DateTime64(6, 'UTC'),
  -- When this image started (its exec), or the process's start for image 0.
  image_time DateTime64(6, 'UTC'),
  -- Time of the last row of the batch that described it. A process may have started long before, so this is what ages.
  seen_time DateTime64(6, 'UTC'),
  -- seen_time when the exec is known, else 0.
  version UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant_id, host_id, process_uid, image_number)
TTL toDateTime(seen_time) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS findings (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  id String,
  -- Empty until its alert is stored, which repeats its findings.
  alert_id String,
  alert_version UInt32,
  rule_id LowCardinality(String),
  source LowCardinality(String),
  severity UInt8,
  techniques Array(LowCardinality(String)),
  time DateTime64(6, 'UTC'),
  process_uid FixedString(16),
  scope_uid FixedString(16),
  lineage_uid FixedString(16),
  container_id LowCardinality(String),
  summary String,
  -- norn.finding.v1.Finding, serialised.
  body String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(alert_version)
ORDER BY (tenant_id, host_id, id)
TTL toDateTime(time) + INTERVAL 180 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS alerts (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  id String,
  version UInt32,
  severity UInt8,
  title String,
  summary String,
  created_at DateTime64(6, 'UTC'),
  updated_at DateTime64(6, 'UTC'),
  container_id LowCardinality(String),
  scope_uid FixedString(16),
  lineage_uid FixedString(16),
  techniques Array(LowCardinality(String)),
  findings_total UInt32,
  -- norn.finding.v1.Alert, serialised.
  body String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant_id, id)
TTL toDateTime(created_at) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- One row a file of an outcome; a re-sent outcome replaces its rows.
CREATE TABLE IF NOT EXISTS outcome_files (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  alert_id String,
  command_id String,
  path String,
  container_id LowCardinality(String),
  verdict LowCardinality(String),
  reason String,
  change LowCardinality(String),
  size UInt64,
  sha256_before String,
  sha256_after String,
  mode UInt32,
  user_id UInt32,
  group_id UInt32,
  modified_at DateTime64(6, 'UTC'),
  changed_at DateTime64(6, 'UTC'),
  process_uid FixedString(16),
  finished_at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(finished_at)
ORDER BY (tenant_id, alert_id, path, container_id, command_id)
TTL toDateTime(finished_at) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS containers (
  tenant_id LowCardinality(String),
  host_id LowCardinality(String),
  container_id String,
  name String,
  image String,
  image_id String,
  runtime LowCardinality(String),
  pod_name String,
  pod_namespace String,
  started_at DateTime64(6, 'UTC'),
  ended_at DateTime64(6, 'UTC'),
  observed_at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(observed_at)
ORDER BY (tenant_id, host_id, container_id)
TTL toDateTime(observed_at) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 10000;
