-- The pod that a process ran in, as the container runtime told it: rules ask for the namespace. Processes described before have none.
ALTER TABLE processes ADD COLUMN IF NOT EXISTS pod_name LowCardinality(String) AFTER container_image;
ALTER TABLE processes ADD COLUMN IF NOT EXISTS pod_namespace LowCardinality(String) AFTER pod_name;
