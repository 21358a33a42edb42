-- An attack's lineages are a handful among millions of rows: without this, an alert's page reads all that its host did in that hour.
-- Rows stored before get it when their parts are merged.
ALTER TABLE events ADD INDEX IF NOT EXISTS uids (lineage_uid, process_uid) TYPE bloom_filter(0.01) GRANULARITY 1;
