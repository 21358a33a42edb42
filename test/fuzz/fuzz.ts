// Runs a target over inputs that are made up, for a given time, and on until it has proved something. Each input follows from the seed and its number alone, so what failed can be
// made again: `NORN_FUZZ_SEED=<seed> NORN_FUZZ_CASE=<number>`.
import { messageOf } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { SeededRandom } from '@norn/testkit';
import { createContext, Script } from 'node:vm';
import { inspect } from 'node:util';
import { z } from 'zod';

/** An input that takes longer is taken to hang, ms. Not a measure of speed: what is slow is bounded by counts. */
const HANG_MS = 10_000;
/** Of a failing input, characters shown. */
const SHOWN_MAX = 4_000;
/** Number of an input → a seed of its own (the golden ratio, odd). */
const STRIDE = 0x9e3779b1;

const schema = z.object({ fuzzMs: settings.fuzzMs, fuzzSeed: settings.fuzzSeed, fuzzCase: settings.fuzzCase });

export interface FuzzTarget<Input> {
  readonly name: string;
  /** Fates without which it would prove little: it goes on until there was one of each. */
  readonly wanted: readonly string[];
  make(random: SeededRandom): Input;
  /** Throws when the input has shown a defect. Returns what became of it, to be counted. */
  run(input: Input): string | Promise<string>;
}

/** How many inputs there were of each fate. Throws with seed, number and input when one shows a defect. */
export async function fuzz<Input>(target: FuzzTarget<Input>): Promise<ReadonlyMap<string, number>> {
  const { fuzzMs, fuzzSeed, fuzzCase } = loadConfig(schema);
  const seed = fuzzSeed || Date.now() >>> 0;
  const fates = new Map<string, number>();
  const endsAt = performance.now() + fuzzMs;
  const isDone = (): boolean => performance.now() >= endsAt && target.wanted.every((fate) => fates.has(fate));
  for (let number = fuzzCase ?? 0; number === fuzzCase || !isDone(); number += 1) {
    const fate = await tryOne(target, seed, number);
    fates.set(fate, (fates.get(fate) ?? 0) + 1);
    if (fuzzCase !== undefined) break;
  }
  console.log(`fuzz ${target.name}, seed ${seed}: ${[...fates].map(([fate, count]) => `${count} ${fate}`).join(', ')}`);
  return fates;
}

async function tryOne<Input>(target: FuzzTarget<Input>, seed: number, number: number): Promise<string> {
  const input = target.make(new SeededRandom(seed + Math.imul(number, STRIDE)));
  try {
    return await interruptible(() => target.run(input));
  } catch (error) {
    const again = `NORN_FUZZ_SEED=${seed} NORN_FUZZ_CASE=${number}`;
    const shown = inspect(input, { maxStringLength: SHOWN_MAX, maxArrayLength: 100 }).slice(0, SHOWN_MAX);
    throw new Error(`${target.name}: ${messageOf(error)}\nagain: ${again}\ninput: ${shown}`, { cause: error });
  }
}

const script = new Script('run()');
const box = { run: (): string | Promise<string> => '' };
const context = createContext(box);

/** V8 stops what runs below a script when its time is over; nothing else ends an endless loop. What a promise does later is not below it. */
function interruptible(run: () => string | Promise<string>): string | Promise<string> {
  box.run = run;
  return script.runInContext(context, { timeout: HANG_MS }) as string | Promise<string>;
}
