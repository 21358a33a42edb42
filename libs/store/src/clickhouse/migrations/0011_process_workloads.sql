-- The workload that a process's pod is of ("Deployment/web"), so that rules find it in the past. Processes described before have none.
ALTER TABLE processes ADD COLUMN IF NOT EXISTS pod_owner LowCardinality(String) AFTER pod_labels;
