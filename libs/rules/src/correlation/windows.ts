// What one group of a correlation has seen within its time.
import type { CorrelationRule, Operator } from '../sigma/correlation.ts';

/** One event that a rule of the correlation found. */
export interface Seen<About = unknown> {
  readonly timeMs: number;
  readonly id: string;
  /** Position in the correlation's list of rules. */
  readonly rule: number;
  /** Of the field that is counted or added up; undefined when the event has none. */
  readonly value: string | undefined;
  /** What the caller wants to know of the event again. */
  readonly about: About;
}

/** What made a correlation true. */
export interface Met<About = unknown> {
  readonly fromMs: number;
  readonly untilMs: number;
  /** What was compared: a number of events or values, a sum, a mean, a percentile. */
  readonly measure: number;
  /** In their order; of many, the first ones and the last. */
  readonly events: readonly Seen<About>[];
}

export interface Window {
  /** Events come in the order of their times. */
  take(seen: Seen): Met | undefined;
  /** When it wants to be closed, to be judged as a whole; undefined when it judges each event at once. */
  readonly closesMs: number | undefined;
  close(): Met | undefined;
}

/** Events a group remembers; of more, the oldest are forgotten. */
const SEEN_MAX = 10_000;
const EVENTS_MAX = 20;

export function openWindow(rule: CorrelationRule): Window {
  if (rule.type === 'temporal') return new Together(rule);
  if (rule.type === 'temporal_ordered') return new InOrder(rule);
  const grows = ['event_count', 'value_count', 'value_sum'].includes(rule.type);
  const onlyAbove = rule.bounds.every(([operator]) => operator === 'gt' || operator === 'gte');
  return grows && onlyAbove ? new Sliding(rule) : new Closing(rule);
}

const compare: Readonly<Record<Operator, (measure: number, bound: number) => boolean>> = {
  gt: (measure, bound) => measure > bound,
  gte: (measure, bound) => measure >= bound,
  lt: (measure, bound) => measure < bound,
  lte: (measure, bound) => measure <= bound,
  eq: (measure, bound) => measure === bound,
  neq: (measure, bound) => measure !== bound,
};

function holds({ bounds }: CorrelationRule, measure: number): boolean {
  return bounds.every(([operator, bound]) => compare[operator](measure, bound));
}

/** Events in order, with what is asked of their values kept up to date. */
class Tally {
  private seen: Seen[] = [];
  private start = 0;
  private readonly values = new Map<string, number>();
  private sum = 0;

  get first(): Seen | undefined {
    return this.seen[this.start];
  }

  get size(): number {
    return this.seen.length - this.start;
  }

  /** An event that several of the rules find comes several times in a row, and counts once. */
  push(seen: Seen): void {
    if (this.size > 0 && this.seen.at(-1)?.id === seen.id) return;
    this.seen.push(seen);
    this.count(seen, 1);
    if (this.size > SEEN_MAX) this.shift();
  }

  shift(): void {
    const gone = this.first;
    if (!gone) return;
    this.count(gone, -1);
    this.start += 1;
    if (this.start < SEEN_MAX) return;
    this.seen = this.seen.slice(this.start);
    this.start = 0;
  }

  private count({ value }: Seen, by: 1 | -1): void {
    if (value === undefined) return;
    const count = (this.values.get(value) ?? 0) + by;
    if (count === 0) this.values.delete(value);
    else this.values.set(value, count);
    this.sum += by * (Number(value) || 0);
  }

  /** NaN where there is nothing to measure: no bound holds of it. */
  measure({ type, percentile }: CorrelationRule): number {
    switch (type) {
      case 'event_count':
        return this.size;
      case 'value_count':
        return this.values.size;
      case 'value_sum':
        return this.sum;
      case 'value_avg':
        return this.sum / this.numbers().length;
      default:
        return percentile === undefined ? this.rarestShare() : percentileOf(this.numbers(), percentile);
    }
  }

  /** Of the value that occurs least, in percent of all events. */
  private rarestShare(): number {
    return (100 * [...this.values.values()].reduce((least, count) => Math.min(least, count), Infinity)) / this.size;
  }

  private numbers(): number[] {
    const values = this.seen.slice(this.start).map(({ value }) => (value === undefined ? NaN : Number(value)));
    return values.filter((value) => !Number.isNaN(value));
  }

  met(measure: number): Met | undefined {
    const last = this.seen.at(-1);
    if (!this.first || !last) return undefined;
    const some = this.seen.slice(this.start, this.start + EVENTS_MAX);
    const events = this.size > EVENTS_MAX ? [...some.slice(0, -1), last] : some;
    return { fromMs: this.first.timeMs, untilMs: last.timeMs, measure, events };
  }
}

/** Nearest rank. */
function percentileOf(values: readonly number[], percentile: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)] ?? NaN;
}

/** Judges with each event whether there are enough; what was enough once is not counted again. */
class Sliding implements Window {
  readonly closesMs = undefined;
  private tally = new Tally();

  constructor(private readonly rule: CorrelationRule) {}

  take(seen: Seen): Met | undefined {
    while (this.tally.first && this.tally.first.timeMs <= seen.timeMs - this.rule.timespanMs) this.tally.shift();
    this.tally.push(seen);
    const measure = this.tally.measure(this.rule);
    if (!holds(this.rule, measure)) return undefined;
    const met = this.tally.met(measure);
    this.tally = new Tally();
    return met;
  }

  close(): undefined {
    return undefined;
  }
}

/** Judges when its time is over, counted from its first event: whether there were few is not known before. */
class Closing implements Window {
  private tally = new Tally();

  constructor(private readonly rule: CorrelationRule) {}

  get closesMs(): number | undefined {
    return this.tally.first && this.tally.first.timeMs + this.rule.timespanMs;
  }

  take(seen: Seen): undefined {
    this.tally.push(seen);
  }

  close(): Met | undefined {
    const { tally } = this;
    this.tally = new Tally();
    const measure = tally.measure(this.rule);
    return holds(this.rule, measure) ? tally.met(measure) : undefined;
  }
}

/** All rules, or as many as the condition says, in whatever order. */
class Together implements Window {
  readonly closesMs = undefined;
  private readonly last = new Map<number, Seen>();

  constructor(private readonly rule: CorrelationRule) {}

  take(seen: Seen): Met | undefined {
    this.last.set(seen.rule, seen);
    for (const [rule, { timeMs }] of this.last)
      if (timeMs <= seen.timeMs - this.rule.timespanMs) this.last.delete(rule);
    const { size } = this.last;
    const enough = this.rule.bounds.length > 0 ? holds(this.rule, size) : size === this.rule.rules.length;
    if (!enough) return undefined;
    const all = [...this.last.values()].sort((one, other) => one.timeMs - other.timeMs);
    this.last.clear();
    return { fromMs: all[0]?.timeMs ?? seen.timeMs, untilMs: seen.timeMs, measure: size, events: all };
  }

  close(): undefined {
    return undefined;
  }
}

/** All rules, in the order they are named in, without those in between that must not be. */
class InOrder implements Window {
  /** For each number of events: of the chains that have it, the one that began last. */
  private readonly chains: (readonly Seen[] | undefined)[] = [];
  /** Complete, as long as nothing comes that must not. */
  private complete: readonly Seen[] | undefined;
  private readonly wanted: number;
  private readonly staysOpen: boolean;

  constructor(private readonly rule: CorrelationRule) {
    this.wanted = rule.rules.length - rule.negated.size;
    this.staysOpen = rule.negated.has(rule.rules.length - 1);
  }

  get closesMs(): number | undefined {
    const first = this.complete?.[0];
    return first && first.timeMs + this.rule.timespanMs;
  }

  take(seen: Seen): Met | undefined {
    const links = this.linksBefore(seen.rule);
    if (this.rule.negated.has(seen.rule)) {
      this.refute(links, seen);
      return undefined;
    }
    const chain = this.extend(links === 0 ? [] : this.chains[links - 1], seen);
    if (!chain) return undefined;
    if (chain.length < this.wanted) {
      this.chains[links] = chain;
      return undefined;
    }
    this.chains.length = 0;
    if (!this.staysOpen) return metBy(chain);
    this.complete ??= chain;
    return undefined;
  }

  close(): Met | undefined {
    const chain = this.complete;
    this.complete = undefined;
    return chain && metBy(chain);
  }

  /** How many events a chain has when it awaits the rule at this position. */
  private linksBefore(position: number): number {
    return this.rule.rules.slice(0, position).filter((_, at) => !this.rule.negated.has(at)).length;
  }

  /** What was found by the same event is no answer to it. */
  private refute(links: number, seen: Seen): void {
    if (this.chains[links - 1]?.at(-1)?.id !== seen.id) this.chains[links - 1] = undefined;
    if (links === this.wanted && this.complete?.at(-1)?.id !== seen.id) this.complete = undefined;
  }

  /** The same event may be found by several rules of the list, but is one link of a chain. */
  private extend(before: readonly Seen[] | undefined, seen: Seen): readonly Seen[] | undefined {
    if (!before || before.some(({ id }) => id === seen.id)) return undefined;
    const fromMs = before[0]?.timeMs ?? seen.timeMs;
    return fromMs <= seen.timeMs - this.rule.timespanMs ? undefined : [...before, seen];
  }
}

function metBy(chain: readonly Seen[]): Met | undefined {
  const [first, last] = [chain[0], chain.at(-1)];
  return first && last && { fromMs: first.timeMs, untilMs: last.timeMs, measure: chain.length, events: chain };
}
