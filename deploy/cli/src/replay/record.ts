// Writes what the installation's agents sent into a file: what the raw topic still holds, with the newest facts of each host before it.
import { type FileHandle, open } from 'node:fs/promises';
import { NornError, messageOf } from '@norn/base';
import { type StageBusConfig, type BusRecord, type TopicName, offsetRanges, readRange } from '@norn/bus';
import { kafkaSettings, loadConfig } from '@norn/config';
import { openBatch } from '@norn/contracts';
import { z } from 'zod';
import { busSettings, findInstallation } from '../installation/installation.ts';
import { recordingMagic, writePiece } from './input/recording-format.ts';

export interface Recorded {
  readonly batches: number;
  readonly hosts: number;
  readonly bytes: number;
}

/** Of this installation, all or the last minutes. Throws when Kafka is away or the file can not be written. */
export function recordTo(path: string, minutes?: number): Promise<Recorded> {
  const sinceUs = minutes === undefined ? 0 : (Date.now() - minutes * 60_000) * 1000;
  const installation = findInstallation();
  const environment = { ...busSettings(installation, 'record'), NORN_SECRETS_DIR: installation.path('secrets') };
  return recordTopics(loadConfig(z.object(kafkaSettings), environment), path, sinceUs);
}

/** Batches that begin before `sinceUs`, Unix µs, are left out. An existing file is not written over. */
export async function recordTopics(config: StageBusConfig, path: string, sinceUs: number): Promise<Recorded> {
  const file = await createFile(path);
  try {
    const hosts = new Set<string>();
    let batches = 0;
    await file.write(recordingMagic);
    await eachRecord(config, 'facts', async ({ key, value }) => {
      await file.write(writePiece({ kind: 'facts', hostKey: key, value }));
    });
    await eachRecord(config, 'raw', async ({ key, value }) => {
      if (isBefore(value, sinceUs)) return;
      hosts.add(key);
      batches += 1;
      await file.write(writePiece({ kind: 'batch', hostKey: key, value }));
    });
    return { batches, hosts: hosts.size, bytes: (await file.stat()).size };
  } finally {
    await file.close();
  }
}

async function eachRecord(
  config: StageBusConfig,
  topic: TopicName,
  take: (record: BusRecord) => Promise<void>,
): Promise<void> {
  await readRange(config, topic, await offsetRanges(config, topic), async ({ records }) => {
    for (const record of records) await take(record);
  });
}

/** What does not parse is recorded too: a replay refuses it as the stages did. */
function isBefore(value: Uint8Array, sinceUs: number): boolean {
  try {
    return openBatch(value).baseTimeUs < sinceUs;
  } catch (error) {
    if (error instanceof NornError) return false;
    throw error;
  }
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const cure = 'name a file that is not there yet, in a folder that is';
    throw new NornError('record_not_writable', `${path} can not be created (${messageOf(error)}): ${cure}`);
  }
}
