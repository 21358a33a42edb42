// What could not be handled, as it came, with the reason, on a topic of its own.
import { NornError, messageOf } from '@norn/base';
import { Metric, count } from '@norn/telemetry';
import type { StageBusConfig } from '../config.ts';
import type { TopicName } from '../flow.ts';
import { type BusProducer, createProducer } from './producer.ts';
import type { BusRecord, OutRecord } from '../record.ts';

/** Characters of an error that are kept. */
const messageMax = 1_000;

export interface Refusal {
  readonly stage: string;
  readonly reason: string;
  readonly error: unknown;
  /** Times that it was tried. */
  readonly attempts: number;
}

/** Header of a dead letter: the signature that the record had. Anybody who may write dead letters can make one up, but for this. */
export const letterSignature = 'letter_signature';

/** The record with the refusal in its headers; `DeadLetterDeeds` is the way back. */
export function deadLetterOf(record: BusRecord, { stage, reason, error, attempts }: Refusal): OutRecord {
  const { key, value, headers, topic, partition, offset } = record;
  const code = error instanceof NornError ? error.code : 'unexpected';
  const where = { topic, partition: String(partition), offset: String(offset) };
  const message = messageOf(error).slice(0, messageMax);
  const signed = record.signature === undefined ? {} : { [letterSignature]: record.signature };
  count(Metric.BusDeadLetters, 1, { stage, topic, code });
  const refused = { reason, code, stage, ...where, attempts: String(attempts), message };
  return { key, value, headers: { ...headers, ...refused, ...signed } };
}

/** Headers of a record that comes again out of the dead letters: for which stage, and on which topic that reads. */
const replayed = { stage: 'replayed_for', topic: 'replayed_on' } as const;

/** The stage had refused it; those behind that stage never saw it. What tells repetitions by order alone must not drop it. */
export function isReplayed({ headers }: Pick<BusRecord, 'headers'>): boolean {
  return headers[replayed.stage] !== undefined;
}

/** True for a stage that reads the topic, too, and was not the one that refused the record: it has had it. */
export function isReplayedForAnother({ headers, topic }: BusRecord, stage: string): boolean {
  const wanted = headers[replayed.stage];
  return wanted !== undefined && headers[replayed.topic] === topic && wanted !== stage;
}

export function markReplayed(headers: BusRecord['headers'], stage: string, topic: TopicName): BusRecord['headers'] {
  return { ...headers, [replayed.stage]: stage, [replayed.topic]: topic };
}

/** Sends what a consumer refuses; the producer is made when the first is. */
export class DeadLetters {
  private producer: Promise<BusProducer> | undefined;

  constructor(
    private readonly config: StageBusConfig,
    private readonly stage: string,
  ) {}

  /** Resolves when the broker has it. */
  async refuse(record: BusRecord, error: unknown, attempts: number): Promise<void> {
    this.producer ??= createProducer(this.config, { clientId: `norn-${this.stage}-refused` });
    const { stage } = this;
    const letter = deadLetterOf(record, { stage, reason: 'threw', error, attempts });
    await (await this.producer).send('deadLetter', [letter]);
  }

  async close(): Promise<void> {
    await (await this.producer)?.close();
  }
}
