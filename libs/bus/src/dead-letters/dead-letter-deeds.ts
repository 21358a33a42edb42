// Sending dead letters again and giving them up. What was done stands behind them in the same topic, so it lives as long as they do.
import { NornError } from '@norn/base';
import type { StageBusConfig } from '../config.ts';
import { ProvenRecords } from '../consume/proven-records.ts';
import { type TopicName, flow, topics, writers } from '../flow.ts';
import { letterSignature, markReplayed } from '../produce/dead-letters.ts';
import type { BusProducer } from '../produce/producer.ts';
import type { BusRecord, OutRecord } from '../record.ts';
import { type DeadLetter, idOf, unknownLetter } from './letter.ts';
import { createNoteWriter } from './notes.ts';
import { readLetters } from './read-letters.ts';

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
/** Letters that go in one request and are noted in the next: no more go twice when it ends between the two. */
const batchMax = 500;

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

export class DeadLetterDeeds {
  private proven: ProvenRecords | undefined;

  constructor(
    private readonly config: StageBusConfig,
    private readonly producer: Pick<BusProducer, 'send'>,
  ) {}

  /**
   * Replays letters that wait, back to where they were refused, for the stage that refused them and those behind; or gives them up. Oldest first within
   * a partition, in batches: a batch is sent, then noted, then told of. It trusts the state in `letters`: two who do this at once with the same ones
   * both do it, so whoever calls it holds a lock from before these were read. Throws `secret_missing` and `signers_invalid` before it does anything.
   */
  async settle(letters: readonly DeadLetter[], { what, by, tell }: Deed): Promise<void> {
    const writeNotes = createNoteWriter(this.config.secretsDir);
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
        const state = what === 'replay' ? 'replayed' : 'dropped';
        await this.producer.send('deadLetter', writeNotes(done, { state, by }));
        await tell(settled);
      }
    };
    await readLetters(this.config, [...left.values()], take);
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
}

interface Taken {
  readonly letter: DeadLetter;
  readonly record: BusRecord;
}

function outRecordOf(record: BusRecord, stage: string, topic: TopicName): OutRecord {
  const own = Object.entries(record.headers).filter(([header]) => !refusalHeaders.has(header));
  const headers = markReplayed(Object.fromEntries(own), stage, topic);
  return { key: record.key, value: record.value, headers, ...partitionOf(record) };
}

/** Back into its own partition: the order of a host, and who keeps its state, go by it. */
function partitionOf({ headers }: BusRecord): { partition: number } | undefined {
  return headers['partition'] === undefined ? undefined : { partition: Number(headers['partition']) };
}

function refusalOf(id: string, stage: string, topic: string): NornError | undefined {
  const known = flow.find(({ name }) => name === stage);
  const reads = known?.consumes ?? [];
  const isKnown = topic in topics && reads.includes(topic as TopicName);
  if (isKnown && topic !== 'facts') return undefined;
  const why =
    topic === 'facts'
      ? 'hosts tell their facts again by themselves, and old ones would take the place of newer'
      : known === undefined
        ? 'it names no stage that could have refused it, so it may be made up'
        : `${stage} refused it before it was on the bus, and kept its beginning only`;
  return new NornError('dead_letter_not_replayable', `Dead letter ${id} can not be replayed: ${why}; drop it`);
}
