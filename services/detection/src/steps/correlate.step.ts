// What rules found is put together over time: counts, sequences. Rules that are parts of such a thing alone are not told of. What is counted
// over all hosts of the tenant goes on its way.
import { type Outcome, ok } from '@norn/pipeline';
import type { Correlations } from '../correlations/correlations.ts';
import { gapsOf } from '../correlations/gaps.ts';
import { tenantRecords } from '../correlations/tenant-records.ts';
import type { CorrelatedBatch, JudgedBatch } from './envelope.ts';

export function createCorrelate(correlations: Correlations): (envelope: JudgedBatch) => Outcome<CorrelatedBatch> {
  return function correlate(envelope) {
    const gaps = gapsOf(envelope.batch);
    const correlated = correlations.apply(envelope, gaps);
    const forTenant = tenantRecords({ envelope, correlated, gaps, sets: correlations.setsOf(envelope) });
    const matches = envelope.matches.filter(({ rule }) => !correlations.isPartOnly(rule, envelope));
    return ok({ ...envelope, matches, correlated, forTenant });
  };
}
