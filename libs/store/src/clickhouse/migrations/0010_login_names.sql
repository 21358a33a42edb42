-- Who logged in for a process to be there, as the host named it then; empty when it did not. Processes described before have none.
ALTER TABLE processes ADD COLUMN IF NOT EXISTS login_user_name LowCardinality(String) AFTER login_user_id;
