-- The exception that covers a finding, so that people see whether it is still needed. Findings of before are not counted.
ALTER TABLE findings ADD COLUMN IF NOT EXISTS excepted_by LowCardinality(String) AFTER rule_id;
