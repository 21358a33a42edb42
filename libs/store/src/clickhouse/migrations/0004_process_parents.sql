-- Who started a process, as detection saw it: rules ask for the images above it and for its parent's command line. A hunt over processes
-- described before has neither.
ALTER TABLE processes ADD COLUMN IF NOT EXISTS ancestor_images Array(LowCardinality(String)) AFTER ancestor_uids;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS parent_command_line String CODEC(ZSTD(1)) AFTER ancestor_images;
