// What a stage between two topics does with a batch of records: run its pipeline, send what came out, and only then be done.
import type { Pipeline, PipelineResult } from '@norn/pipeline';
import type { BatchHandler } from './consumer.ts';
import { deadLetterOf } from './dead-letters.ts';
import type { TopicName } from './flow.ts';
import type { BusProducer } from './producer.ts';
import { RecordSpans } from './record-spans.ts';
import type { BusRecord, OutRecord } from './record.ts';

export interface StageOptions {
  readonly stage: string;
  readonly output: TopicName;
  readonly producer: BusProducer;
  /** From a record to the value of the record that follows from it. */
  readonly pipeline: Pipeline<BusRecord, Uint8Array>;
}

/** Resolves when outputs and dead letters are acked. The outputs keep key and headers; a sampled record gets a span. */
export function createStageHandler({ stage, output, producer, pipeline }: StageOptions): BatchHandler {
  return async ({ records }) => {
    const spans = RecordSpans.begin(stage, records);
    try {
      const result = await pipeline.run(records);
      await Promise.all([
        producer.send(output, outputsOf(records, result, spans)),
        producer.send('deadLetter', deadLettersOf(stage, records, result)),
      ]);
      spans.end();
    } catch (error) {
      spans.end(error);
      throw error;
    }
  };
}

function outputsOf(records: readonly BusRecord[], result: PipelineResult<Uint8Array>, spans: RecordSpans): OutRecord[] {
  return result.ok.map(({ source, value }) => {
    const record = recordAt(records, source);
    return { key: record.key, value, headers: spans.headersAfter(record) };
  });
}

/** What could not be handled, as it came, with the reason. */
export function deadLettersOf(
  stage: string,
  records: readonly BusRecord[],
  { deadLettered }: Pick<PipelineResult<unknown>, 'deadLettered'>,
): OutRecord[] {
  return deadLettered.map(({ source, reason, error }) =>
    deadLetterOf(recordAt(records, source), { stage, reason, error, attempts: 1 }),
  );
}

function recordAt(records: readonly BusRecord[], source: number): BusRecord {
  const record = records[source];
  if (record === undefined) throw new Error(`The pipeline names record ${source} of ${records.length}`);
  return record;
}
