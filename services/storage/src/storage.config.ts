// What storage is told: Kafka, ClickHouse, and how long rows wait for a larger insert.
import { type Environment, clickhouseSettings, loadConfig, kafkaSettings, settings } from '@norn/config';
import { z } from 'zod';

const schema = z.object({
  ...kafkaSettings,
  ...clickhouseSettings,
  clickhouseWriterPasswordFile: settings.clickhouseWriterPasswordFile,
  storageLingerMs: settings.storageLingerMs,
});

export type StorageConfig = z.output<typeof schema>;

export function loadStorageConfig(environment: Environment): StorageConfig {
  return loadConfig(schema, environment);
}
