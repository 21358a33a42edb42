// Refuses a batch that is too large, malformed, foreign or of an unknown schema; its columns are not opened.
import { NornError } from '@norn/base';
import { type BatchEnvelope, batchEventsMax, columnsBytesMax, readBatchEnvelope } from '@norn/contracts';
import { type Outcome, deadLetter, ok } from '@norn/pipeline';
import { batchSchemaVersion } from '../limits.ts';
import type { CheckedBatch, HostBatch } from './envelope-of-host.ts';

export interface EnvelopeLimits {
  readonly batchBytesMax: number;
}

export function createCheckEnvelope({ batchBytesMax }: EnvelopeLimits) {
  return function checkEnvelope(received: HostBatch): Outcome<CheckedBatch> {
    const size = received.batch.byteLength;
    if (size > batchBytesMax) return refuse('batch_too_large', `${size} bytes; at most ${batchBytesMax} are taken`);
    const reading = readBatchEnvelope(received.batch);
    if (!reading.ok) return refuse(`batch_${reading.code}`, reading.message);
    return check(reading.envelope) ?? ok({ ...received, envelope: reading.envelope });
  };
}

function check(envelope: BatchEnvelope): Outcome<never> | undefined {
  const { schemaVersion, columnsSize, columnsBytes, eventCount } = envelope;
  if (schemaVersion !== batchSchemaVersion) {
    return refuse(
      'schema_unknown',
      `Schema ${schemaVersion}; this installation reads ${batchSchemaVersion}: update it first`,
    );
  }
  if (columnsSize > columnsBytesMax) {
    return refuse('batch_too_large', `Columns of ${columnsSize} bytes; at most ${columnsBytesMax} are taken`);
  }
  if (eventCount > batchEventsMax) {
    return refuse('batch_too_large', `${eventCount} events; at most ${batchEventsMax} are taken`);
  }
  if (eventCount > 0 && (columnsBytes === 0 || columnsSize === 0)) {
    return refuse('batch_malformed', `${eventCount} events without columns`);
  }
  return undefined;
}

function refuse(code: string, message: string): Outcome<never> {
  return deadLetter(code, new NornError(code, message));
}
