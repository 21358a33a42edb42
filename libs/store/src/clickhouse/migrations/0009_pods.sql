-- What the container runtime tells of a pod besides its name. Labels are "app=web" each. Containers and processes described before have none.
ALTER TABLE containers ADD COLUMN IF NOT EXISTS image_digest String AFTER image_id;
ALTER TABLE containers ADD COLUMN IF NOT EXISTS pod_uid String AFTER pod_namespace;
ALTER TABLE containers ADD COLUMN IF NOT EXISTS pod_labels Array(LowCardinality(String)) AFTER pod_uid;
ALTER TABLE containers ADD COLUMN IF NOT EXISTS pod_owner String AFTER pod_labels;
ALTER TABLE containers ADD COLUMN IF NOT EXISTS service_account LowCardinality(String) AFTER pod_owner;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS pod_labels Array(LowCardinality(String)) AFTER pod_namespace;
