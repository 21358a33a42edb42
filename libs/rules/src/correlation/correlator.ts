// Correlations over the events that rules find, by event time. Events wait until none before them is to be expected any more, so their
// order of arrival within that time changes nothing, and one that comes twice counts once.
import type { CorrelationRule } from '../sigma/correlation.ts';
import { ruleError } from '../sigma/document.ts';
import { isCalled } from '../sigma/rule.ts';
import { Heap } from './heap.ts';
import { openWindow, type Met, type Window } from './windows.ts';

/** An event that a rule found. Kept: all but `field`, which may hold on to more. */
export interface Occurrence<About = unknown> {
  readonly timeMs: number;
  /** Of the event: the same whenever it comes. */
  readonly id: string;
  /** Id or name of the rule. */
  readonly rule: string;
  readonly about: About;
  /** Undefined when the event has no such field. */
  readonly field: (name: string) => string | undefined;
}

export interface CorrelationMatch<About = unknown> extends Met<About> {
  readonly rule: CorrelationRule;
  /** The fields it is grouped by, and what they held. */
  readonly group: readonly (readonly [field: string, value: string])[];
}

export interface CorrelatorOptions {
  /** How much later than others an event may come. */
  readonly holdBackMs: number;
  /** Of each rule; the group that is longest untouched gives way. */
  readonly groupsMax?: number;
  /** Events that wait for their time; what comes beyond them is not counted. */
  readonly waitingMax?: number;
}

export interface CorrelatorCounters {
  /** Came when their time was over. */
  late: number;
  /** Came again. */
  repeated: number;
  /** Forgotten to make room. */
  groupsDropped: number;
  /** Came when too many were waiting. */
  waitingRefused: number;
}

interface Group {
  readonly window: Window;
  readonly values: CorrelationMatch['group'];
}

/** What is due at a time: an event for a rule, or the end of a group's time. */
interface Due {
  readonly timeMs: number;
  readonly id: string;
  /** Of the event at this position of this correlation. */
  readonly key: string;
  readonly correlation: Tracked;
  /** Position in the correlation's list; -1 when a window closes. */
  readonly position: number;
  readonly group: string;
  readonly values: CorrelationMatch['group'];
  readonly value: string | undefined;
  readonly about: unknown;
}

interface Tracked {
  readonly rule: CorrelationRule;
  readonly groups: Map<string, Group>;
}

const GROUPS_MAX = 10_000;
const SEPARATOR = '\u0000';

export class Correlator<About = unknown> {
  readonly counters: CorrelatorCounters = { late: 0, repeated: 0, groupsDropped: 0, waitingRefused: 0 };
  /** By id and by name of a rule: the correlations that await it, and where in their lists. */
  private readonly awaiting = new Map<string, { correlation: Tracked; position: number }[]>();
  private readonly due = new Heap<Due>(isBefore);
  private readonly waiting = new Set<string>();
  private doneMs = -Infinity;

  /** `known` are the ids and names of all rules. Throws `rule_invalid` for one that is not known, or that awaits itself. */
  constructor(
    rules: readonly CorrelationRule[],
    known: ReadonlySet<string>,
    private readonly options: CorrelatorOptions,
  ) {
    for (const rule of rules) this.add(rule, known, rules);
    refuseCircles(rules);
  }

  private add(rule: CorrelationRule, known: ReadonlySet<string>, all: readonly CorrelationRule[]): void {
    const correlation: Tracked = { rule, groups: new Map() };
    // What ends it comes after what it is about.
    [...rule.rules, ...rule.until].forEach((asked, position) => {
      const isThere = known.has(asked) || all.some((other) => isCalled(other, asked));
      if (!isThere) throw ruleError(rule.place(['rules']), `no rule has the id or name "${asked}": correct or add it`);
      const others = this.awaiting.get(asked) ?? [];
      this.awaiting.set(asked, [...others, { correlation, position }]);
    });
  }

  /** Whether anybody wants the events of this rule. */
  awaits(rule: string): boolean {
    return this.awaiting.has(rule);
  }

  /** Time of the first event, or end of a group, that waits; undefined when none does. */
  get nextMs(): number | undefined {
    return this.due.first?.timeMs;
  }

  take(occurrence: Occurrence<About>): void {
    if (occurrence.timeMs <= this.doneMs) {
      this.counters.late += 1;
      return;
    }
    // The last of a list first: an event is no link of a chain it has just begun.
    for (const { correlation, position } of [...(this.awaiting.get(occurrence.rule) ?? [])].reverse())
      this.await(occurrence, correlation, position);
  }

  private await(occurrence: Occurrence<About>, correlation: Tracked, position: number): void {
    const { rule } = correlation;
    const values = groupOf(rule, occurrence);
    if (!values) return;
    const { timeMs, id, about } = occurrence;
    const key = [rule.file, rule.id, rule.title, position, id].join(SEPARATOR);
    if (this.waiting.has(key)) {
      this.counters.repeated += 1;
      return;
    }
    if (this.waiting.size >= (this.options.waitingMax ?? Infinity)) {
      this.counters.waitingRefused += 1;
      return;
    }
    this.waiting.add(key);
    const counted = rule.fields.map((field) => occurrence.field(aliasOf(rule, field, occurrence.rule)));
    const value = counted.length === 0 || counted.includes(undefined) ? undefined : counted.join(SEPARATOR);
    const group = values.map(([, held]) => held).join(SEPARATOR);
    this.due.push({ timeMs, id, key, correlation, position, group, values, value, about });
  }

  /** Everything of before `nowMs`, the latest event time known, less the time that is held back. */
  advance(nowMs: number): CorrelationMatch<About>[] {
    const matches: CorrelationMatch<About>[] = [];
    const untilMs = nowMs - this.options.holdBackMs;
    for (let { first } = this.due; first && first.timeMs <= untilMs; { first } = this.due) {
      this.due.pop();
      this.waiting.delete(first.key);
      this.doneMs = Math.max(this.doneMs, first.timeMs);
      const met = first.position < 0 ? this.close(first) : this.feed(first);
      if (met) matches.push(this.tell(first, met));
    }
    // Whatever comes now of that time is late.
    this.doneMs = Math.max(this.doneMs, untilMs);
    return matches;
  }

  private feed(due: Due): Met | undefined {
    const { correlation } = due;
    if (due.position >= correlation.rule.rules.length) {
      correlation.groups.delete(due.group);
      return undefined;
    }
    const { window } = this.groupOf(due);
    const closesMs = window.closesMs;
    const met = window.take({ timeMs: due.timeMs, id: due.id, rule: due.position, value: due.value, about: due.about });
    if (closesMs === undefined && window.closesMs !== undefined)
      this.due.push({ ...due, timeMs: window.closesMs, key: '', position: -1, value: undefined });
    return met;
  }

  /** Not when the group was ended meanwhile, and has begun anew. */
  private close({ correlation, group, timeMs }: Due): Met | undefined {
    const window = correlation.groups.get(group)?.window;
    return window?.closesMs === timeMs ? window.close() : undefined;
  }

  private groupOf({ correlation: { rule, groups }, group, values }: Due): Group {
    const known = groups.get(group) ?? { window: openWindow(rule), values };
    // The last one touched is the last to give way.
    groups.delete(group);
    groups.set(group, known);
    const [oldest] = groups.keys();
    if (groups.size > (this.options.groupsMax ?? GROUPS_MAX) && oldest !== undefined) {
      groups.delete(oldest);
      this.counters.groupsDropped += 1;
    }
    return known;
  }

  /** A correlation that others await is an event for them, at the time of its last one. */
  private tell({ correlation: { rule }, group, values, timeMs }: Due, given: Met): CorrelationMatch<About> {
    // Whatever went in came through `take`.
    const met = given as Met<About>;
    const id = [rule.id, rule.name ?? '', group, met.fromMs, met.untilMs].join(SEPARATOR);
    const held = new Map(values);
    const about = met.events[met.events.length - 1]?.about as About;
    for (const name of new Set([rule.id, rule.name ?? ''])) {
      for (const { correlation, position } of [...(this.awaiting.get(name) ?? [])].reverse())
        this.await({ timeMs, id, rule: name, about, field: (field) => held.get(field) }, correlation, position);
    }
    return { ...met, rule, group: values };
  }
}

/** Later ends come after events of the same time, and what has an equal time in the order of ids. */
function isBefore(one: Due, other: Due): boolean {
  if (one.timeMs !== other.timeMs) return one.timeMs < other.timeMs;
  if (one.position < 0 !== other.position < 0) return one.position >= 0;
  if (one.id !== other.id) return one.id < other.id;
  return one.position > other.position;
}

/** Undefined when the event lacks one of the fields: it belongs to no group. */
function groupOf(rule: CorrelationRule, { rule: found, field }: Occurrence): CorrelationMatch['group'] | undefined {
  const values: [string, string][] = [];
  for (const name of rule.groupBy) {
    const value = field(aliasOf(rule, name, found));
    if (value === undefined) return undefined;
    values.push([name, value]);
  }
  return values;
}

/** What the rule that found the event calls the field. */
export function aliasOf({ aliases }: CorrelationRule, field: string, rule: string): string {
  return aliases[field]?.[rule] ?? field;
}

function refuseCircles(rules: readonly CorrelationRule[]): void {
  const named = (asked: string): CorrelationRule | undefined =>
    rules.find((rule) => asked !== '' && isCalled(rule, asked));
  const visit = (rule: CorrelationRule, above: readonly CorrelationRule[]): void => {
    if (above.includes(rule))
      throw ruleError(rule.place(['rules']), 'awaits itself, by way of others: break the circle');
    for (const asked of rule.rules) {
      const next = named(asked);
      if (next) visit(next, [...above, rule]);
    }
  };
  for (const rule of rules) visit(rule, []);
}
