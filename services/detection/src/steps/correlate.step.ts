// What rules found is put together over time: counts, sequences. Rules that are parts of such a thing alone are not told of.
import { type Outcome, ok } from '@norn/pipeline';
import type { Correlations } from '../correlations/correlations.ts';
import type { CorrelatedBatch, JudgedBatch } from './envelope.ts';

export function createCorrelate(correlations: Correlations): (envelope: JudgedBatch) => Outcome<CorrelatedBatch> {
  return function correlate(envelope) {
    const correlated = correlations.apply(envelope);
    const matches = envelope.matches.filter(({ rule }) => !correlations.isPartOnly(rule));
    return ok({ ...envelope, matches, correlated });
  };
}
