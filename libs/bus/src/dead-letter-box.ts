// Reading the dead letters, sending them again and giving them up. What was done stands behind them in the same topic, so it lives as long as they do.
import { NornError } from '@norn/base';
import type { StageBusConfig } from './config.ts';
import { markReplayed } from './dead-letters.ts';
import { type TopicName, flow, topics, writers } from './flow.ts';
import { readRange } from './follow.ts';
import { type BusProducer, createProducer } from './producer.ts';
import type { BusRecord } from './record.ts';
import { offsetAt, offsetRanges } from './topics.ts';

export type DeadLetterState = 'waiting' | 'replayed' | 'dropped';

export interface DeadLetter {
  /** `partition-offset` in the topic of dead letters. */
  readonly id: string;
  /** Unix ms. */
  readonly at: number;
  readonly stage: string;
  /** Where it was refused; a batch that ingest refused has no topic. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** `tenant:host`. */
  readonly key: string;
  readonly code: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly bytes: number;
  readonly state: DeadLetterState;
  /** Who replayed or dropped it; empty while it waits. */
  readonly by: string;
}

/** Headers of a record that says what was done with another. */
const deed = { of: 'letter', state: 'letter_state', by: 'letter_by' } as const;
/** Headers that a refusal adds; the others are the record's own. */
const refusalHeaders = new Set([
  'reason',
  'code',
  'stage',
  'topic',
  'partition',
  'offset',
  'attempts',
  'message',
  'size',
]);
/** Newest dead letters that are told of. */
const lettersMax = 10_000;

export class DeadLetterBox {
  constructor(
    private readonly config: StageBusConfig,
    private readonly producer: Pick<BusProducer, 'send'>,
  ) {}

  /** Newest first, at most 10,000; those that came since (Unix ms). */
  async list(sinceMs = 0): Promise<DeadLetter[]> {
    const letters = new Map<string, DeadLetter>();
    const deeds = new Map<string, Pick<DeadLetter, 'state' | 'by'>>();
    await this.read(sinceMs, (record) => {
      const of = record.headers[deed.of];
      if (of === undefined) letters.set(idOf(record), letterOf(record));
      else deeds.set(of, { state: record.headers[deed.state] as DeadLetterState, by: record.headers[deed.by] ?? '' });
      if (letters.size > lettersMax) letters.delete(letters.keys().next().value ?? '');
    });
    const told = [...letters.values()].map((letter) => ({ ...letter, ...deeds.get(letter.id) }));
    return told.sort((a, b) => b.at - a.at);
  }

  /** With its bytes, as they were refused. Throws `dead_letter_unknown`. */
  async find(id: string): Promise<DeadLetter & { readonly record: BusRecord }> {
    const letter = (await this.list()).find((each) => each.id === id);
    if (letter === undefined) {
      throw new NornError('dead_letter_unknown', `There is no dead letter ${id}: ./norn deadletters list shows them`);
    }
    const [partition = 0, offset = 0] = id.split('-').map(Number);
    const found: BusRecord[] = [];
    await readRange(this.config, 'deadLetter', [{ partition, first: offset, end: offset + 1 }], ({ records }) => {
      found.push(...records);
      return Promise.resolve();
    });
    const [record] = found;
    if (record === undefined) throw new NornError('dead_letter_unknown', `Dead letter ${id} is not kept any more`);
    return { ...letter, record };
  }

  /** Puts it back where it was refused, for the stage that refused it and those behind. False when that, or its dropping, was done before. */
  async replay(id: string, by: string): Promise<boolean> {
    const { record, stage, topic, state } = await this.find(id);
    if (state !== 'waiting') return false;
    const name = replayable(id, stage, topic);
    const own = Object.entries(record.headers).filter(([header]) => !refusalHeaders.has(header));
    const headers = markReplayed(Object.fromEntries(own), stage, name);
    await this.producer.send(name, [{ key: record.key, value: record.value, headers, ...partitionOf(record) }]);
    await this.note(record, { state: 'replayed', by });
    return true;
  }

  /** It is not sent again. False when that, or its replay, was done before. */
  async drop(id: string, by: string): Promise<boolean> {
    const { record, state } = await this.find(id);
    if (state !== 'waiting') return false;
    await this.note(record, { state: 'dropped', by });
    return true;
  }

  private async note(record: BusRecord, { state, by }: Pick<DeadLetter, 'state' | 'by'>): Promise<void> {
    const headers = { [deed.of]: idOf(record), [deed.state]: state, [deed.by]: by };
    const { key, partition } = record;
    await this.producer.send('deadLetter', [{ key, partition, value: new Uint8Array(0), headers }]);
  }

  private async read(sinceMs: number, take: (record: BusRecord) => void): Promise<void> {
    const ranges = await offsetRanges(this.config, 'deadLetter');
    const wanted = await Promise.all(
      ranges.map(async (range) => {
        if (sinceMs === 0) return range;
        const first = await offsetAt(this.config, 'deadLetter', { partition: range.partition, timeMs: sinceMs });
        return { ...range, first: Math.max(range.first, first < 0 ? range.end : first) };
      }),
    );
    await readRange(this.config, 'deadLetter', wanted, ({ records }) => {
      for (const record of records) take(record);
      return Promise.resolve();
    });
  }
}

/** Sends as whoever may write to a topic, with the keys of this machine's installation. */
export class ReplayProducer implements BusProducer {
  private readonly producers = new Map<string, Promise<BusProducer>>();

  constructor(private readonly config: StageBusConfig) {}

  async send(topic: TopicName, records: Parameters<BusProducer['send']>[1]): Promise<void> {
    const [signer] = writers[topic];
    const name = signer ?? '';
    const made = this.producers.get(name);
    const options = { clientId: 'norn-deadletters', ...(signer !== undefined && { signer }) };
    const producer = made ?? createProducer(this.config, options);
    this.producers.set(name, producer);
    await (await producer).send(topic, records);
  }

  async close(): Promise<void> {
    for (const producer of this.producers.values()) await (await producer).close();
  }
}

function idOf({ partition, offset }: BusRecord): string {
  return `${partition}-${offset}`;
}

/** Back into its own partition: the order of a host, and who keeps its state, go by it. */
function partitionOf({ headers }: BusRecord): { partition: number } | undefined {
  return headers['partition'] === undefined ? undefined : { partition: Number(headers['partition']) };
}

function letterOf(record: BusRecord): DeadLetter {
  const { headers, key, value } = record;
  return {
    id: idOf(record),
    at: record.timeMs ?? 0,
    stage: headers['stage'] ?? '',
    topic: headers['topic'] ?? '',
    partition: Number(headers['partition'] ?? -1),
    offset: Number(headers['offset'] === '' ? -1 : (headers['offset'] ?? -1)),
    key,
    code: headers['code'] ?? '',
    reason: headers['reason'] ?? '',
    error: headers['message'] ?? headers['reason'] ?? '',
    attempts: Number(headers['attempts'] ?? 1),
    bytes: value.byteLength,
    state: 'waiting',
    by: '',
  };
}

function replayable(id: string, stage: string, topic: string): TopicName {
  const reads = flow.find(({ name }) => name === stage)?.consumes ?? [];
  const isKnown = topic in topics && reads.includes(topic as TopicName);
  if (isKnown && topic !== 'facts') return topic as TopicName;
  const why =
    topic === 'facts'
      ? 'hosts tell their facts again by themselves, and old ones would take the place of newer'
      : `${stage} refused it before it was on the bus, and kept its beginning only`;
  throw new NornError('dead_letter_not_replayable', `Dead letter ${id} can not be replayed: ${why}; drop it`);
}
