// The rules, correlations and filters that a tenant brought along, put together: each of them came by itself, and what no longer fits is left out.
import { messageOf, NornError } from '@norn/base';
import { CorrelationSet } from '../correlation/correlation-set.ts';
import { coverageOf } from '../kernel/coverage.ts';
import type { CorrelationRule } from './correlation.ts';
import { filtered, type Filter } from './filter.ts';
import type { Rule } from './rule.ts';
import { readEach, type AnyRule } from './rule-set.ts';

/** `observe`: what it finds is kept and opens no alert. */
export type BroughtState = 'observe' | 'alert';

export interface BroughtText {
  /** What the tenant knows it by. */
  readonly ruleId: string;
  readonly file: string;
  /** One document. */
  readonly body: string;
}

export interface BroughtParts {
  /** Those that can fire here, with their filters. */
  readonly rules: readonly Rule[];
  /** Absent when there are none that can be used. */
  readonly correlations?: CorrelationSet;
}

/** Says which one is left out, and why. */
export type Refused = (ruleId: string, why: string) => void;

/** Throws `rule_invalid`. */
export function readBrought({ ruleId, file, body }: BroughtText): AnyRule {
  const [first] = readEach({ name: file, text: body });
  if (!first) throw new NornError('rule_invalid', `${file}:1: the file: is empty: import it again`);
  return { ...first.rule, id: ruleId };
}

/** `others` are Norn's own rules, which correlations may name, too. */
export function broughtParts(
  rows: readonly (BroughtText & { readonly state: BroughtState })[],
  others: readonly Rule[],
  refused: Refused,
): BroughtParts {
  const read = rows.flatMap((row) => {
    try {
      return [{ rule: readBrought(row), state: row.state }];
    } catch (error) {
      refused(row.ruleId, messageOf(error));
      return [];
    }
  });
  const filters = read.flatMap(({ rule, state }) =>
    rule.kind === 'filter' && coverageOf(asRule(rule)).extent !== 'none' ? [{ filter: rule, state }] : [],
  );
  const rules = read.flatMap(({ rule, state }) => {
    if (rule.kind !== 'detection') return [];
    // A filter that only observes quietens nothing that alerts.
    const holding = filters.filter((each) => each.state === 'alert' || state === 'observe');
    return [
      filtered(
        rule,
        holding.map(({ filter }) => filter),
      ),
    ];
  });
  const correlations = read.flatMap(({ rule }) => (rule.kind === 'correlation' ? [rule] : []));
  const set = setOf({ rules, correlations }, others, refused);
  return { rules: rules.filter((rule) => coverageOf(rule).extent !== 'none'), ...(set && { correlations: set }) };
}

/** What it asks of an event, as a rule that finds it. */
export function asRule({ file, id, title, author, description, logsource, detection }: Filter): Rule {
  const about = { file, id, title, author, description, logsource, detection };
  const nothing = { tags: [], falsepositives: [], techniques: [], filters: [] };
  return { kind: 'detection', level: 'informational', version: 1, ...about, ...nothing };
}

interface Correlated {
  readonly rules: readonly Rule[];
  readonly correlations: readonly CorrelationRule[];
}

/** Without those that can not be used. */
function setOf(
  { rules, correlations }: Correlated,
  others: readonly Rule[],
  refused: Refused,
): CorrelationSet | undefined {
  let usable = correlations;
  while (usable.length > 0) {
    try {
      return new CorrelationSet({ rules, correlations: usable }, others);
    } catch (error) {
      const why = messageOf(error);
      const wrong = usable.filter(({ file }) => why.startsWith(`${file}:`));
      const left = wrong.length > 0 ? wrong : usable;
      for (const { id } of left) refused(id, why);
      usable = usable.filter((each) => !left.includes(each));
    }
  }
  return undefined;
}
