// Correlations that are used together: those that each host has for itself, and those that count over all hosts of a tenant.
import { ruleError } from '../sigma/document.ts';
import type { CorrelationRule } from '../sigma/correlation.ts';
import { isCalled, type Rule } from '../sigma/rule.ts';
import type { RuleSet } from '../sigma/rule-set.ts';
import { aliasOf, Correlator, type CorrelatorOptions } from './correlator.ts';
import { isPartOnly } from './parts.ts';

export type CorrelationScope = 'host' | 'tenant';

/** What is grouped by one of these happens on one host. */
const hostFields: ReadonlySet<string> = new Set([
  ...['host', 'lineage', 'container', 'process', 'parent'],
  ...['Container', 'ProcessId', 'ParentProcessId', 'ProcessGuid', 'ParentProcessGuid'],
]);

export function scopeOf({ groupBy, aliases }: CorrelationRule): CorrelationScope {
  const fields = groupBy.flatMap((field) => [field, ...Object.values(aliases[field] ?? {})]);
  return fields.some((field) => hostFields.has(field)) ? 'host' : 'tenant';
}

export class CorrelationSet {
  readonly correlations: readonly CorrelationRule[];
  /** Of all correlations the longest time, ms. */
  readonly spanMs: number;
  private readonly scopes: Readonly<Record<CorrelationScope, readonly CorrelationRule[]>>;
  private readonly awaited: Readonly<Record<CorrelationScope, ReadonlySet<string>>>;
  private readonly partsOnly: ReadonlySet<Rule>;
  private readonly known: ReadonlySet<string>;

  /**
   * `others` are rules of elsewhere that may be asked for, too. Throws `rule_invalid` for a correlation of rules that are not
   * there, that awaits itself, or that is of one host and awaits one over all of them.
   */
  constructor(
    { rules, correlations }: RuleSet,
    private readonly others: readonly Rule[] = [],
  ) {
    this.correlations = correlations;
    const of = (scope: CorrelationScope) => correlations.filter((rule) => scopeOf(rule) === scope);
    this.scopes = { host: of('host'), tenant: of('tenant') };
    this.awaited = { host: namesAwaited(this.scopes.host), tenant: namesAwaited(this.scopes.tenant) };
    this.partsOnly = new Set(rules.filter((rule) => isPartOnly(rule, correlations)));
    this.spanMs = correlations.reduce((longest, { timespanMs }) => Math.max(longest, timespanMs), 0);
    this.known = new Set([...rules, ...this.others].flatMap(({ id, name }) => [id, name ?? '']));
    for (const rule of this.scopes.host) refuseWider(rule, this.scopes.tenant);
    for (const scope of ['host', 'tenant'] as const) this.createCorrelator(scope, { holdBackMs: 0 });
  }

  has(scope: CorrelationScope): boolean {
    return this.scopes[scope].length > 0;
  }

  /** The names among these that a correlation of that scope awaits. */
  namesAwaited({ id, name }: Pick<Rule | CorrelationRule, 'id' | 'name'>, scope: CorrelationScope): string[] {
    return [...new Set([id, name ?? ''])].filter((each) => each !== '' && this.awaited[scope].has(each));
  }

  /** What correlations over all hosts ask of the events of a rule that is awaited by this name. */
  fieldsAsked(name: string): string[] {
    const asking = this.scopes.tenant.filter((rule) => namesAwaited([rule]).has(name));
    return [
      ...new Set(
        asking.flatMap((rule) => [...rule.groupBy, ...rule.fields].map((field) => aliasOf(rule, field, name))),
      ),
    ];
  }

  isPartOnly(rule: Rule): boolean {
    return this.partsOnly.has(rule);
  }

  createCorrelator<About>(scope: CorrelationScope, options: CorrelatorOptions): Correlator<About> {
    // What counts over all hosts may count what a correlation found on each.
    const below = scope === 'tenant' ? this.scopes.host.flatMap(({ id, name }) => [id, name ?? '']) : [];
    return new Correlator<About>(this.scopes[scope], new Set([...this.known, ...below]), options);
  }
}

function namesAwaited(rules: readonly CorrelationRule[]): ReadonlySet<string> {
  return new Set(rules.flatMap((each) => [...each.rules, ...each.until]));
}

function refuseWider(rule: CorrelationRule, wider: readonly CorrelationRule[]): void {
  const asked = [...rule.rules, ...rule.until].find((name) => wider.some((each) => isCalled(each, name)));
  if (asked === undefined) return;
  const cure = 'group both by host, or this one by a field that is none of one host';
  throw ruleError(rule.place(['rules']), `"${asked}" counts over all hosts and belongs to none of them: ${cure}`);
}
