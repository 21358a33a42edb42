// What rules that a tenant brought along need of each other: nothing goes away, or is off, that something else counts.
import { NornError } from '@norn/base';
import { type AnyRule, readBrought } from '@norn/rules';
import type { ImportedRule } from '@norn/store';

type Row = Pick<ImportedRule, 'ruleId' | 'state' | 'title' | 'file' | 'body'>;

/** Throws `rule_needed` when a correlation that runs is about the rule. */
export function refuseOff(rows: readonly Row[], ruleId: string): void {
  const running = rows.filter(({ state }) => state !== 'off');
  const [needing] = naming(running, ruleId).filter(({ rule }) => rule.kind === 'correlation');
  if (needing) refuse(ruleId, needing.row, 'put that off first');
}

/** Throws `rule_needed` when a correlation or a filter names the rule. */
export function refuseRemoval(rows: readonly Row[], ruleId: string): void {
  const [needing] = naming(rows, ruleId);
  if (needing) refuse(ruleId, needing.row, 'remove that first');
}

/** Throws `rule_needed` for a correlation that would run without a rule that it is about. */
export function refuseWithoutParts(rows: readonly Row[], ruleId: string): void {
  const rule = readRow(rows.find((row) => row.ruleId === ruleId));
  if (rule?.kind !== 'correlation') return;
  const asked = new Set([...rule.rules, ...rule.until]);
  const off = rows.find((row) => row.state === 'off' && namesOf(row).some((name) => asked.has(name)));
  if (!off) return;
  throw new NornError('rule_needed', `"${off.title}" (${off.ruleId}) is off, and this counts it: let that run first`);
}

function refuse(ruleId: string, { title, ruleId: by }: Row, cure: string): never {
  throw new NornError('rule_needed', `${ruleId} is needed by "${title}" (${by}): ${cure}`);
}

/** Correlations and filters that name the rule. */
function naming(rows: readonly Row[], ruleId: string): { row: Row; rule: AnyRule }[] {
  const names = namesOf(rows.find((row) => row.ruleId === ruleId));
  return rows.flatMap((row) => {
    // Few are of these kinds, and reading takes its time.
    const rule = /^(correlation|filter):/m.test(row.body) ? readRow(row) : undefined;
    return rule && asks(rule).some((asked) => names.includes(asked)) ? [{ row, rule }] : [];
  });
}

function asks(rule: AnyRule): readonly string[] {
  if (rule.kind === 'correlation') return [...rule.rules, ...rule.until];
  return rule.kind === 'filter' && rule.rules !== 'any' ? rule.rules : [];
}

function namesOf(row: Row | undefined): string[] {
  const rule = readRow(row);
  if (!row || !rule) return row ? [row.ruleId] : [];
  return rule.kind === 'filter' || rule.name === undefined ? [row.ruleId] : [row.ruleId, rule.name];
}

function readRow(row: Row | undefined): AnyRule | undefined {
  try {
    return row && readBrought(row);
  } catch (error) {
    if (error instanceof NornError) return undefined;
    throw error;
  }
}
