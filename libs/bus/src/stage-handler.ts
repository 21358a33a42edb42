// What a stage's flow needs of the bus: it begins with a batch of records, its last steps send, and what it refuses is kept.
import { type Pipeline, type Refused, type Step, ok } from '@norn/pipeline';
import type { BatchHandler } from './consume/consumer.ts';
import { deadLetterOf } from './produce/dead-letters.ts';
import type { TopicName } from './flow.ts';
import { RecordSpans, headersAfter } from './record-spans.ts';
import type { BusRecord, OutRecord } from './record.ts';

/** Where the results of a flow go: a producer, or memory in a replay. A promise resolves when they are safe. */
export interface Outputs<Topic extends TopicName = TopicName> {
  send(topic: Topic, records: readonly OutRecord[]): Promise<void>;
}

/** What follows from a record. */
export interface Following {
  readonly record: BusRecord;
  readonly value: Uint8Array;
}

/** Resolves when the flow's last step has. A flow of which some exit leads nowhere does not compile here. A sampled record gets a span. */
export function createStageHandler(stage: string, flow: Pipeline<BusRecord, unknown>): BatchHandler {
  return async ({ records, leaving }) => {
    const spans = RecordSpans.begin(stage, records);
    try {
      await flow.run(spans.records, leaving);
      spans.end();
    } catch (error) {
      spans.end(error);
      throw error;
    }
  };
}

/** A last step: sends what `recordsOf` makes of each envelope, all together, and lets the envelopes through when it is safe. */
export function createProduce<Topic extends TopicName, Envelope>(
  topic: Topic,
  outputs: Outputs<Topic>,
  recordsOf: (envelope: Envelope) => readonly OutRecord[],
): Step<Envelope, Envelope, never> {
  const step: Step<Envelope, Envelope, never> = async (envelopes) => {
    const records = envelopes.flatMap(recordsOf);
    if (records.length > 0) await outputs.send(topic, records);
    return envelopes.map((one) => ok(one));
  };
  Object.defineProperty(step, 'name', { value: `produce-${topic}` });
  return step;
}

/** With the key and headers of the record that it follows from. */
export function following({ record, value }: Following): readonly OutRecord[] {
  return [{ key: record.key, value, headers: headersAfter(record) }];
}

/** Keeps what a flow refuses as it came, with the reason. */
export function toDeadLetters(
  stage: string,
  outputs: Outputs<'deadLetter'>,
): (refused: readonly Refused<BusRecord>[]) => Promise<void> {
  return (refused) =>
    outputs.send(
      'deadLetter',
      refused.map(({ source, reason, error }) => deadLetterOf(source, { stage, reason, error, attempts: 1 })),
    );
}
