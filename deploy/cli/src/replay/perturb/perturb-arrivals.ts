// Makes a file arrive as a bad network would deliver it: out of order and twice, never farther from its place than the window allows.
import { SeededRandom } from '@norn/base';
import type { Arrival } from '../input/arrival-window.ts';

/** What is done to the events on their way; each of it leaves the result as it is, but for what is lost. */
export interface Perturbation {
  /** Of the random numbers: the same gives the same. */
  readonly seed: number;
  readonly isShuffled: boolean;
  readonly duplicatePercent: number;
  readonly losePercent: number;
}

export const unperturbed: Perturbation = { seed: 1, isShuffled: false, duplicatePercent: 0, losePercent: 0 };

/** `windowSize` is how far something may be from its place. */
export async function* perturbArrivals<T>(
  arrivals: AsyncIterable<Arrival<T>>,
  { seed, isShuffled, duplicatePercent }: Perturbation,
  windowSize: number,
): AsyncGenerator<Arrival<T>> {
  if (!isShuffled && duplicatePercent === 0) {
    yield* arrivals;
    return;
  }
  const random = new SeededRandom(seed);
  const mixed = (block: readonly Arrival<T>[]): Arrival<T>[] => {
    const twice = block.filter(() => random.next() * 100 < duplicatePercent);
    return isShuffled ? random.shuffled([...block, ...twice]) : [...block, ...twice];
  };
  let block: Arrival<T>[] = [];
  for await (const arrival of arrivals) {
    block.push(arrival);
    if (block.length < windowSize) continue;
    yield* mixed(block);
    block = [];
  }
  yield* mixed(block);
}
