// What rules cost and found in the last hour, for a terminal.
import type { ShownRule } from '@norn/contracts';
import { columns } from '../../print/columns.ts';

type Figures = Pick<ShownRule, 'id' | 'title' | 'state' | 'usPer1000Events' | 'overBudget' | 'findings'>;

interface Listed {
  readonly rules: readonly Figures[];
  readonly findingsUnavailable?: boolean;
}

/** Dearest first; rules that did nothing are counted. */
export function costText({ rules, findingsUnavailable = false }: Listed): string {
  const busy = rules
    .filter(({ usPer1000Events, findings }) => usPer1000Events > 0 || findings > 0)
    .sort((a, b) => b.usPer1000Events - a.usPer1000Events || b.findings - a.findings);
  const rows = busy.map(({ id, title, state, usPer1000Events, overBudget, findings }) => [
    usPer1000Events.toFixed(1),
    findingsUnavailable ? '?' : String(findings),
    overBudget ? 'over' : '',
    state,
    id.slice(0, 8),
    title,
  ]);
  const total = busy.reduce((sum, { usPer1000Events }) => sum + usPer1000Events, 0);
  const idle = rules.length - busy.length;
  return [
    columns([['µs/1000 EVENTS', 'FOUND', 'BUDGET', 'STATE', 'RULE', 'TITLE'], ...rows]),
    `${total.toFixed(1)} µs for 1,000 events in all, over the last hour; nothing announced the other ${String(idle)} rules.`,
  ].join('\n');
}
