-- Chosen variables of the environment at exec, "NAME=value" a line. A process described before has none.
ALTER TABLE processes ADD COLUMN IF NOT EXISTS environment String CODEC(ZSTD(1)) AFTER working_directory;
