// Reading the dead letters, sending them again and giving them up. What was done stands behind them in the same topic, so it lives as long as they do.
import { NornError } from '@norn/base';
import type { StageBusConfig } from './config.ts';
import { ProvenRecords } from './consume/proven-records.ts';
import { letterSignature, markReplayed } from './produce/dead-letters.ts';
import { type TopicName, flow, topics, writers } from './flow.ts';
import { readRange } from './consume/follow.ts';
import { type BusProducer, createProducer } from './produce/producer.ts';
import type { BusRecord, OutRecord } from './record.ts';
import { type OffsetRange, offsetAt, offsetRanges } from './kafka/topics.ts';

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
  letterSignature,
]);
/** Letters that are held at once, without their bytes: about 1 KB each. */
const lettersMax = 200_000;
/** Letters that go in one request and are noted in the next: no more go twice when it ends between the two. */
const batchMax = 500;

export interface Choice {
  /** Unix ms. */
  readonly sinceMs?: number;
  /** Unix ms; those that came earlier. */
  readonly beforeMs?: number;
  readonly stage?: string;
  readonly state?: DeadLetterState;
  /** The newest are given. */
  readonly max?: number;
}

/** What became of one; `refused` says why nothing did. */
export interface Settled {
  readonly letter: DeadLetter;
  readonly refused?: NornError;
}

export interface Deed {
  readonly what: 'replay' | 'drop';
  readonly by: string;
  /** Called after each batch, when the broker has it. */
  readonly tell: (settled: readonly Settled[]) => Promise<void>;
}

export class DeadLetterBox {
  private proven: ProvenRecords | undefined;

  constructor(
    private readonly config: StageBusConfig,
    private readonly producer: Pick<BusProducer, 'send'>,
  ) {}

  /** Reads the topic once. Newest first; `total` counts also those that match beyond `max`. */
  async list(choice: Choice = {}): Promise<{ readonly letters: DeadLetter[]; readonly total: number }> {
    const { sinceMs = 0, beforeMs = Infinity, stage, state, max = lettersMax } = choice;
    const all = await this.read(await this.rangesSince(sinceMs), {
      isWanted: (letter) => letter.at < beforeMs && (stage === undefined || letter.stage === stage),
      state,
      max: Math.min(max, lettersMax),
    });
    return { letters: all.newest(), total: all.total };
  }

  /** Reads once, from the oldest of them on. Without those that there are not. */
  async named(ids: readonly string[]): Promise<Map<string, DeadLetter>> {
    const wanted = new Set(ids);
    const firsts = new Map<number, number>();
    for (const id of wanted) {
      const place = placeOf(id);
      if (place === undefined) continue;
      firsts.set(place.partition, Math.min(place.offset, firsts.get(place.partition) ?? Infinity));
    }
    // What was done with one stands behind it in its partition.
    const ranges = [...firsts].map(([partition, first]) => ({ partition, first, end: Infinity }));
    const found = await this.read(ranges, { isWanted: ({ id }) => wanted.has(id), max: wanted.size });
    return new Map(found.newest().map((letter) => [letter.id, letter]));
  }

  /** With its bytes, as they were refused. Throws `dead_letter_unknown`. */
  async find(id: string): Promise<DeadLetter & { readonly record: BusRecord }> {
    const letter = (await this.named([id])).get(id);
    if (letter === undefined) throw unknownLetter(id);
    const found: BusRecord[] = [];
    await this.readValues([letter], (records) => {
      found.push(...records);
      return Promise.resolve();
    });
    const [record] = found;
    if (record === undefined) throw unknownLetter(id);
    return { ...letter, record };
  }

  /**
   * Replays letters that wait, back to where they were refused, for the stage that refused them and those behind; or gives them up. Oldest first within
   * a partition, in batches: a batch is sent, then noted, then told of. It trusts the state in `letters`: two who do this at once with the same ones
   * both do it, so whoever calls it holds a lock from before these were read.
   */
  async settle(letters: readonly DeadLetter[], { what, by, tell }: Deed): Promise<void> {
    const left = new Map(letters.filter(({ state }) => state === 'waiting').map((letter) => [letter.id, letter]));
    const take = async (records: readonly BusRecord[]): Promise<void> => {
      // A broker that was lost hands out the same records again.
      const taken = records.flatMap((record) => {
        const letter = left.get(idOf(record));
        left.delete(idOf(record));
        return letter === undefined ? [] : [{ letter, record }];
      });
      for (let first = 0; first < taken.length; first += batchMax) {
        const batch = taken.slice(first, first + batchMax);
        const settled: readonly Settled[] =
          what === 'replay' ? await this.sendAgain(batch) : batch.map(({ letter }) => ({ letter }));
        const done = settled.filter(({ refused }) => refused === undefined).map(({ letter }) => letter);
        await this.note(done, { state: what === 'replay' ? 'replayed' : 'dropped', by });
        await tell(settled);
      }
    };
    await this.readValues([...left.values()], take);
    if (left.size > 0) await tell([...left.values()].map((letter) => ({ letter, refused: unknownLetter(letter.id) })));
  }

  private async sendAgain(batch: readonly Taken[]): Promise<Settled[]> {
    const settled: Settled[] = [];
    const byTopic = new Map<TopicName, Taken[]>();
    for (const taken of batch) {
      const { id, stage, topic } = taken.letter;
      const reason = refusalOf(id, stage, topic) ?? this.unproven(taken);
      if (reason !== undefined) settled.push({ letter: taken.letter, refused: reason });
      else byTopic.set(topic as TopicName, [...(byTopic.get(topic as TopicName) ?? []), taken]);
    }
    for (const [topic, taken] of byTopic) settled.push(...(await this.send(topic, taken)));
    return settled;
  }

  /** Every stage may write dead letters, and what is sent again is signed again: so it must have been signed before. */
  private unproven({ letter, record }: Taken): NornError | undefined {
    const { id, topic } = letter;
    const from = { key: record.key, value: record.value, signature: record.headers[letterSignature] };
    this.proven ??= new ProvenRecords(this.config);
    const reason = this.proven.refusalOf({ topic: topic as TopicName, ...from });
    if (reason === undefined) return undefined;
    const who = writers[topic as TopicName].join(' or ');
    const why = `it has no signature of ${who} for what it says (${reason}), so it may be made up`;
    return new NornError('dead_letter_unproven', `Dead letter ${id} can not be replayed: ${why}; drop it`);
  }

  /** One that the bus does not take does not keep the others back. */
  private async send(topic: TopicName, batch: readonly Taken[]): Promise<Settled[]> {
    try {
      await this.producer.send(
        topic,
        batch.map(({ letter, record }) => outRecordOf(record, letter.stage, topic)),
      );
      return batch.map(({ letter }) => ({ letter }));
    } catch (error) {
      const [first] = batch;
      if (!(error instanceof NornError) || first === undefined) throw error;
      if (batch.length === 1) return [{ letter: first.letter, refused: error }];
      const settled: Settled[] = [];
      for (const one of batch) settled.push(...(await this.send(topic, [one])));
      return settled;
    }
  }

  private async note(letters: readonly DeadLetter[], { state, by }: Pick<DeadLetter, 'state' | 'by'>): Promise<void> {
    const notes = letters.map(({ id, key }) => ({
      key,
      partition: placeOf(id)?.partition ?? 0,
      value: new Uint8Array(0),
      headers: { [deed.of]: id, [deed.state]: state, [deed.by]: by },
    }));
    await this.producer.send('deadLetter', notes);
  }

  private async read(ranges: readonly OffsetRange[], wanted: Wanted): Promise<Held> {
    const held = new Held(wanted);
    await readRange(this.config, 'deadLetter', ranges, ({ records }) => {
      for (const record of records) held.take(record);
      return Promise.resolve();
    });
    return held;
  }

  /** What stands between the first and the last of these in each partition. An error of `take` ends it. */
  private async readValues(
    letters: readonly DeadLetter[],
    take: (records: readonly BusRecord[]) => Promise<void>,
  ): Promise<void> {
    const ranges = new Map<number, OffsetRange>();
    const wanted = new Set(letters.map(({ id }) => id));
    for (const id of wanted) {
      const { partition = 0, offset = 0 } = placeOf(id) ?? {};
      const { first, end } = ranges.get(partition) ?? { first: Infinity, end: 0 };
      ranges.set(partition, { partition, first: Math.min(first, offset), end: Math.max(end, offset + 1) });
    }
    const failed: unknown[] = [];
    await readRange(this.config, 'deadLetter', [...ranges.values()], async ({ records }) => {
      // The reader would begin again and again with what a handler throws.
      if (failed.length > 0) return;
      await take(records.filter((record) => wanted.has(idOf(record)))).catch((error: unknown) => failed.push(error));
    });
    if (failed.length > 0) throw failed[0];
  }

  private async rangesSince(sinceMs: number): Promise<OffsetRange[]> {
    const ranges = await offsetRanges(this.config, 'deadLetter');
    if (sinceMs === 0) return ranges;
    return Promise.all(
      ranges.map(async (range) => {
        const first = await offsetAt(this.config, 'deadLetter', { partition: range.partition, timeMs: sinceMs });
        return { ...range, first: Math.max(range.first, first < 0 ? range.end : first) };
      }),
    );
  }
}

interface Taken {
  readonly letter: DeadLetter;
  readonly record: BusRecord;
}

interface Wanted {
  readonly isWanted: (letter: DeadLetter) => boolean;
  readonly state?: DeadLetterState | undefined;
  readonly max: number;
}

/** The letters that a reading found, without their bytes. */
class Held {
  total = 0;
  private readonly letters = new Map<string, DeadLetter>();

  constructor(private readonly wanted: Wanted) {}

  take(record: BusRecord): void {
    const of = record.headers[deed.of];
    if (of === undefined) this.add(letterOf(record));
    else this.note(of, { state: record.headers[deed.state] as DeadLetterState, by: record.headers[deed.by] ?? '' });
  }

  newest(): DeadLetter[] {
    return [...this.letters.values()].sort(newestFirst).slice(0, this.wanted.max);
  }

  private add(letter: DeadLetter): void {
    if (!this.wanted.isWanted(letter)) return;
    this.total += 1;
    this.letters.set(letter.id, letter);
    // Partitions come one after the other, so which are the newest is known at the end only: the oldest go when there are twice as many.
    if (this.letters.size < 2 * Math.max(this.wanted.max, lettersMax)) return;
    const kept = this.newest();
    this.letters.clear();
    for (const one of kept) this.letters.set(one.id, one);
  }

  private note(id: string, done: Pick<DeadLetter, 'state' | 'by'>): void {
    const letter = this.letters.get(id);
    if (letter === undefined) return;
    const isOut = this.wanted.state !== undefined && this.wanted.state !== done.state;
    if (isOut && this.letters.delete(id)) this.total -= 1;
    else this.letters.set(id, { ...letter, ...done });
  }
}

/** Of the same time by their place, so that the order is the same at each reading: partitions are read side by side. */
function newestFirst(one: DeadLetter, other: DeadLetter): number {
  if (one.at !== other.at) return other.at - one.at;
  const [a, b] = [placeOf(one.id), placeOf(other.id)];
  if (a === undefined || b === undefined) return 0;
  return a.partition - b.partition || b.offset - a.offset;
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

function unknownLetter(id: string): NornError {
  return new NornError('dead_letter_unknown', `There is no dead letter ${id}: ./norn deadletters list shows them`);
}

function placeOf(id: string): { readonly partition: number; readonly offset: number } | undefined {
  const [, partition, offset] = /^(\d{1,9})-(\d{1,15})$/.exec(id) ?? [];
  return partition === undefined ? undefined : { partition: Number(partition), offset: Number(offset) };
}

function outRecordOf(record: BusRecord, stage: string, topic: TopicName): OutRecord {
  const own = Object.entries(record.headers).filter(([header]) => !refusalHeaders.has(header));
  const headers = markReplayed(Object.fromEntries(own), stage, topic);
  return { key: record.key, value: record.value, headers, ...partitionOf(record) };
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

function refusalOf(id: string, stage: string, topic: string): NornError | undefined {
  const reads = flow.find(({ name }) => name === stage)?.consumes ?? [];
  const isKnown = topic in topics && reads.includes(topic as TopicName);
  if (isKnown && topic !== 'facts') return undefined;
  const why =
    topic === 'facts'
      ? 'hosts tell their facts again by themselves, and old ones would take the place of newer'
      : `${stage} refused it before it was on the bus, and kept its beginning only`;
  return new NornError('dead_letter_not_replayable', `Dead letter ${id} can not be replayed: ${why}; drop it`);
}
