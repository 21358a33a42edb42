-- Who logged in for a process to be there (4294967295: nobody), its terminal, what it may do, and the package of its program. Processes
-- described before have none.
ALTER TABLE processes ADD COLUMN IF NOT EXISTS terminal LowCardinality(String) AFTER group_id;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS login_user_id UInt32 DEFAULT 4294967295 AFTER terminal;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS session_id UInt32 DEFAULT 4294967295 AFTER login_user_id;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS capabilities_effective UInt64 CODEC(ZSTD(1)) AFTER session_id;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS capabilities_permitted UInt64 CODEC(ZSTD(1)) AFTER capabilities_effective;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS capabilities_inheritable UInt64 CODEC(ZSTD(1)) AFTER capabilities_permitted;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS capabilities_ambient UInt64 CODEC(ZSTD(1)) AFTER capabilities_inheritable;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS capabilities_bounding UInt64 CODEC(ZSTD(1)) AFTER capabilities_ambient;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS package LowCardinality(String) AFTER image_sha256;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS package_version LowCardinality(String) AFTER package;
