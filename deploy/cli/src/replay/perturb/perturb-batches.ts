// What may befall a batch itself: rows in another order, rows that an overrun ring lost, a second delivery by the broker.
import { NornError, SeededRandom } from '@norn/base';
import { type BatchView, BatchWriter, type Row, openBatch, readRows } from '@norn/contracts';
import { type HostBatch, gapRow } from '../input/batch-builder.ts';
import { uidFor } from '../input/recorded-host.ts';
import type { Perturbation } from './perturb-arrivals.ts';

/** Of the agent's two rings the one for bulk, in a GAP row's `flags`. */
const bulkRing = 2;

export async function* perturbBatches(
  batches: AsyncIterable<HostBatch>,
  perturbation: Perturbation,
): AsyncGenerator<HostBatch> {
  const { isShuffled, duplicatePercent, losePercent } = perturbation;
  if (!isShuffled && duplicatePercent === 0 && losePercent === 0) {
    yield* batches;
    return;
  }
  for await (const batch of batches) {
    const random = randomOf(batch, perturbation.seed);
    const perturbed = perturbRows(batch, perturbation, random);
    yield perturbed;
    if (random.next() * 100 < duplicatePercent) yield perturbed;
  }
}

/** By the batch and not by its turn: whatever else is done, the same rows are lost. */
function randomOf({ hostKey, bytes }: HostBatch, seed: number): SeededRandom {
  const batch = opened(bytes);
  const name = uidFor(seed, hostKey, batch?.streamIdHex ?? '', batch?.batchSeq ?? 0);
  return new SeededRandom(Buffer.from(name).readUInt32LE(0));
}

function perturbRows(batch: HostBatch, perturbation: Perturbation, random: SeededRandom): HostBatch {
  const { isShuffled, losePercent } = perturbation;
  if (!isShuffled && losePercent === 0) return batch;
  const view = opened(batch.bytes);
  if (!view) return batch;
  const { processes, rows } = readRows(view);
  const kept = losePercent === 0 ? rows : withLosses(batch.hostKey, rows, () => random.next() * 100 < losePercent);
  const writer = new BatchWriter(view.baseTimeUs);
  // The agent knows a process even when the event that told of it was lost.
  for (const process of isShuffled ? random.shuffled(processes) : processes) writer.describe(process);
  for (const row of isShuffled ? random.shuffled(kept) : kept) writer.add(row);
  const { streamId, batchSeq, bootId, traceparent, findings } = view;
  return { ...batch, bytes: writer.finish({ streamId, batchSeq, bootId, traceparent, findings }) };
}

function withLosses(hostKey: string, rows: readonly Row[], isLost: () => boolean): Row[] {
  const lost: Row[] = [];
  const kept = rows.filter((row) => {
    if (!isLost()) return true;
    lost.push(row);
    return false;
  });
  const [first] = lost;
  if (!first) return kept;
  const times = lost.map(({ timeUs }) => timeUs);
  const timeUs = Math.min(...times);
  const durationMs = (Math.max(...times) - timeUs) / 1000;
  return [...kept, gapRow({ hostKey, timeUs, lost: lost.length, place: bulkRing, durationMs })];
}

/** `undefined` for what is malformed: the first stage refuses it, as it would a live one. */
function opened(bytes: Uint8Array): BatchView | undefined {
  try {
    const batch = openBatch(bytes);
    return batch.columns.kind.length === batch.eventCount ? batch : undefined;
  } catch (error) {
    if (error instanceof NornError) return undefined;
    throw error;
  }
}
