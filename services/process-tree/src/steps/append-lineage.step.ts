// Lets the host's tree grow by the batch and appends what the tree says of its processes. A batch that was applied before is dropped.
import { type Following, isReplayed } from '@norn/bus';
import { appendField, batchFields } from '@norn/contracts';
import { LineageDescriber } from '@norn/lineage';
import { type Outcome, drop, ok } from '@norn/pipeline';
import { Metric, count } from '@norn/telemetry';
import type { Forests } from '../ports/forests.ts';
import type { OpenedBatch } from './open-batch.step.ts';

export function createAppendLineage(forests: Forests): (opened: OpenedBatch) => Outcome<Following, never> {
  const describer = new LineageDescriber();
  return function appendLineage({ record, batch }) {
    const { key, partition, offset } = record;
    const forest = forests.forestOf(partition);
    const state = forest.stateOf(key);
    if (state.isApplied(batch) && !isReplayed(record)) return drop('duplicate');
    const evictedBefore = state.tree.evictedTotal;
    const slots = state.apply(batch, offset + 1);
    forest.grew(key, offset);
    const evicted = state.tree.evictedTotal - evictedBefore;
    if (evicted > 0) count(Metric.TreeNodesEvicted, evicted);
    const lineage = describer.describe(state.tree, slots, batch.columns.processes.uidWords);
    return ok({ record, value: appendField(batch.bytes, batchFields.lineage, lineage) });
  };
}
