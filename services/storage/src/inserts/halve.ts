// Finds what ClickHouse does not take: an insert that it refuses for its rows is made again in halves, until what is refused is one record.
import { AwayError, isAway, messageOf } from '@norn/base';

export interface Refused<Unit> {
  readonly unit: Unit;
  readonly error: unknown;
}

export interface Halving<Unit> {
  /** Stores all of them or none. Throws what `isAway` says when it is not the rows' fault. */
  readonly insert: (cut: readonly Unit[]) => Promise<void>;
  /** The cuts that are still to be stored, before the next is. */
  readonly replan?: (cuts: readonly (readonly Unit[])[]) => Promise<void>;
  readonly signal: AbortSignal;
}

/** If all of at least this many are refused, it is the table that is wrong, not the records: then one waits. */
const allRefusedMin = 16;

/** Resolves with those that were refused; the others are stored. */
export async function insertHalving<Unit>(
  cuts: readonly (readonly Unit[])[],
  halving: Halving<Unit>,
): Promise<Refused<Unit>[]> {
  const left = [...cuts];
  const refused: Refused<Unit>[] = [];
  for (let cut = left.shift(); cut !== undefined; cut = left.shift()) {
    const error = await refusalOf(cut, halving);
    const [unit] = cut;
    if (error === undefined || unit === undefined) continue;
    if (cut.length === 1) {
      refused.push({ unit, error: error.thrown });
      continue;
    }
    const middle = Math.ceil(cut.length / 2);
    left.unshift(cut.slice(0, middle), cut.slice(middle));
    await halving.replan?.(left);
  }
  const all = cuts.reduce((sum, { length }) => sum + length, 0);
  if (refused.length < all || all < allRefusedMin) return refused;
  const what = `ClickHouse takes none of ${all} records (${messageOf(refused[0]?.error)})`;
  throw new AwayError('insert_failed', `${what}: see whether its tables are those of this version`);
}

async function refusalOf<Unit>(
  cut: readonly Unit[],
  { insert, signal }: Halving<Unit>,
): Promise<{ thrown: unknown } | undefined> {
  try {
    await insert(cut);
    return undefined;
  } catch (error) {
    if (signal.aborted || isAway(error)) throw error;
    return { thrown: error };
  }
}
