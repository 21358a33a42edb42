// What each rule costs: how often it was looked at, how often it was true, and - of one batch in TIMED_EVERY - how long that took.
import type { Rule } from '../sigma/rule.ts';

/** One batch in this many is timed. */
const TIMED_EVERY = 16;

export interface RuleCost {
  readonly rule: Rule;
  /** Events it was looked at for: those that something in them announced it. */
  readonly looked: number;
  readonly matches: number;
  /** Estimated from the batches that were timed; 0 without a clock. */
  readonly ns: number;
}

/** Nanoseconds of any clock that only goes on. */
export type Clock = () => number;

export class Costs {
  private looked: Float64Array;
  private matched: Float64Array;
  private timedNs: Float64Array;
  private batches = 0;
  private timed = false;

  constructor(
    private readonly rules: readonly Rule[],
    private readonly clock: Clock | undefined,
  ) {
    this.looked = new Float64Array(rules.length);
    this.matched = new Float64Array(rules.length);
    this.timedNs = new Float64Array(rules.length);
  }

  beginBatch(): void {
    this.timed = this.clock !== undefined && this.batches % TIMED_EVERY === 0;
    this.batches += 1;
  }

  /** Before a rule is asked: what `end` wants to be given. */
  begin(): number {
    return this.timed && this.clock ? this.clock() : 0;
  }

  end(rule: number, begunNs: number, isTrue: boolean): void {
    if (this.timed && this.clock) add(this.timedNs, rule, this.clock() - begunNs);
    add(this.looked, rule, 1);
    if (isTrue) add(this.matched, rule, 1);
  }

  /** Of rules that were looked at since the last call, dearest first. */
  take(): RuleCost[] {
    const { looked, matched, timedNs } = this;
    this.looked = new Float64Array(this.rules.length);
    this.matched = new Float64Array(this.rules.length);
    this.timedNs = new Float64Array(this.rules.length);
    const costs = this.rules.map((rule, at) => ({
      rule,
      looked: looked[at] ?? 0,
      matches: matched[at] ?? 0,
      ns: (timedNs[at] ?? 0) * TIMED_EVERY,
    }));
    return costs.filter((cost) => cost.looked > 0).sort((one, other) => other.ns - one.ns || other.looked - one.looked);
  }
}

function add(counts: Float64Array, at: number, by: number): void {
  counts[at] = (counts[at] ?? 0) + by;
}
