// A correlation over events of the past: its rules are hunted for one by one, and what they found goes through the same correlators as live events do.
import { CorrelationSet } from '../correlation/correlation-set.ts';
import type { CorrelationMatch, Correlator, Occurrence } from '../correlation/correlator.ts';
import { isPartOf } from '../correlation/parts.ts';
import type { CorrelationRule } from '../sigma/correlation.ts';
import { isCalled, type Rule } from '../sigma/rule.ts';
import type { RuleSet } from '../sigma/rule-set.ts';

/** An event of the past that a rule finds. */
export interface PastEvent<About> extends Omit<Occurrence<About>, 'rule'> {
  readonly hostId: string;
  readonly rule: Rule;
}

export interface PastMatch<About> {
  readonly match: CorrelationMatch<About>;
  /** Hosts of its events. */
  readonly hostIds: readonly string[];
}

interface Seen<About> {
  readonly hostId: string;
  readonly about: About;
}

export class CorrelationHunt<About> {
  /** What is to be hunted for. */
  readonly parts: readonly Rule[];
  private readonly set: CorrelationSet;
  private readonly hosts = new Map<string, Correlator<Seen<About>>>();
  private readonly tenant: Correlator<Seen<About>>;

  /** Throws `rule_invalid` for a correlation of rules that are not there. */
  constructor(
    private readonly asked: CorrelationRule,
    { rules, correlations }: RuleSet,
  ) {
    const needed = neededBy(asked, correlations);
    this.set = new CorrelationSet({ rules, correlations: needed });
    this.parts = rules.filter((rule) => needed.some((each) => isPartOf(rule, each)));
    this.tenant = this.set.createCorrelator('tenant', options);
  }

  /** In any order: nothing is judged before all are there. */
  take({ hostId, rule, ...event }: PastEvent<About>): void {
    const seen = { ...event, about: { hostId, about: event.about } };
    for (const name of this.set.namesAwaited(rule, 'host')) this.host(hostId).take({ ...seen, rule: name });
    const field = (name: string): string | undefined => (name === 'host' ? hostId : event.field(name));
    for (const name of this.set.namesAwaited(rule, 'tenant')) this.tenant.take({ ...seen, field, rule: name });
  }

  /** All that it finds, in the order of their last events. */
  finish(): PastMatch<About>[] {
    const found = [...this.hosts].flatMap(([hostId, correlator]) => {
      const matches = correlator.advance(Infinity);
      for (const match of matches) this.chain(hostId, match);
      return matches;
    });
    return [...found, ...this.tenant.advance(Infinity)]
      .filter(({ rule }) => rule === this.asked)
      .sort((one, other) => one.untilMs - other.untilMs)
      .map(withHosts);
  }

  private host(hostId: string): Correlator<Seen<About>> {
    const correlator = this.hosts.get(hostId) ?? this.set.createCorrelator<Seen<About>>('host', options);
    this.hosts.set(hostId, correlator);
    return correlator;
  }

  /** What was found on one host is an event for what counts over all of them. */
  private chain(hostId: string, { rule, group, fromMs, untilMs, events }: CorrelationMatch<Seen<About>>): void {
    const last = events.at(-1);
    const held = new Map([...group, ['host', hostId]]);
    const id = [hostId, rule.id, fromMs, untilMs, ...group.flat()].join(':');
    for (const name of last ? this.set.namesAwaited(rule, 'tenant') : [])
      if (last)
        this.tenant.take({ timeMs: untilMs, id, rule: name, about: last.about, field: (each) => held.get(each) });
  }
}

const options = { holdBackMs: 0 };

/** The correlation, and those that it is about. */
function neededBy(asked: CorrelationRule, all: readonly CorrelationRule[]): CorrelationRule[] {
  const needed = new Set([asked]);
  // A set goes on with what is added while it is walked.
  for (const rule of needed) {
    for (const name of [...rule.rules, ...rule.until])
      for (const other of all) if (isCalled(other, name)) needed.add(other);
  }
  return [...needed];
}

function withHosts<About>(match: CorrelationMatch<Seen<About>>): PastMatch<About> {
  const events = match.events.map((each) => ({ ...each, about: each.about.about }));
  return { match: { ...match, events }, hostIds: [...new Set(match.events.map(({ about }) => about.hostId))] };
}
