// What process-tree is told: Kafka, and how often trees are written down.
import { type Environment, loadConfig, kafkaSettings, settings } from '@norn/config';
import { z } from 'zod';

const schema = z.object({ ...kafkaSettings, treeSnapshotMs: settings.treeSnapshotMs });

export type ProcessTreeConfig = z.output<typeof schema>;

export function loadProcessTreeConfig(environment: Environment): ProcessTreeConfig {
  return loadConfig(schema, environment);
}
