-- What a restore took away or could not put back may be kept on the host, under this name.
ALTER TABLE outcome_files ADD COLUMN IF NOT EXISTS quarantined_as String;
