// The stage that judges without Kafka, for tests that only want to know what becomes of a record.
import type { BusRecord, OutRecord } from '@norn/bus';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { readRulePack } from '../src/adapters/rule-pack.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline, createRecallPipeline } from '../src/detection.pipeline.ts';
import { Detector } from '../src/detector.ts';
import { FindingRates } from '../src/rates/finding-rates.ts';

export type Fate = 'dead-lettered' | 'alerted' | 'found' | 'silent';

/** Throws what would stop the stage. */
export function createJudge(): (record: BusRecord) => Promise<Fate> {
  const book = new AlertBook(600_000_000n);
  const written = { findings: 0, alerts: 0, deadLetter: 0 };
  const pack = readRulePack();
  const engine = new RuleEngine(pack.rules);
  const correlations = new Correlations(new CorrelationSet(pack), 500);
  const rates = new FindingRates();
  const detector = new Detector({
    pipeline: createDetectionPipeline({ engine, correlations, book, rates }),
    recall: createRecallPipeline({ engine, correlations, rates }),
    book,
    correlations,
    rates,
    batches: { read: () => Promise.resolve() },
    history: { read: () => Promise.resolve() },
    proveAlert: (alert) => alert,
    outputs: {
      send: (output: keyof typeof written, records: readonly OutRecord[]) => {
        written[output] += records.length;
        return Promise.resolve();
      },
    },
    partitionOf: () => 0,
    nowMs: () => 0,
  });
  return async (record) => {
    Object.assign(written, { findings: 0, alerts: 0, deadLetter: 0 });
    await detector.handle({ topic: 'lineage', partition: 0, records: [record], endOffset: 0 });
    if (written.deadLetter > 0) return 'dead-lettered';
    if (written.alerts > 0) return 'alerted';
    return written.findings > 0 ? 'found' : 'silent';
  };
}
