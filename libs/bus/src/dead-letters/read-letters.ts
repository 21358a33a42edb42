// Reading letters with their bytes, which no list of them holds.
import type { StageBusConfig } from '../config.ts';
import { readRange } from '../consume/follow.ts';
import type { OffsetRange } from '../kafka/topics.ts';
import type { BusRecord } from '../record.ts';
import { type DeadLetter, idOf, placeOf } from './letter.ts';

/** What stands between the first and the last of these in each partition. An error of `take` ends it. */
export async function readLetters(
  config: StageBusConfig,
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
  await readRange(config, 'deadLetter', [...ranges.values()], async ({ records }) => {
    // The reader would begin again and again with what a handler throws.
    if (failed.length > 0) return;
    await take(records.filter((record) => wanted.has(idOf(record)))).catch((error: unknown) => failed.push(error));
  });
  if (failed.length > 0) throw failed[0];
}
