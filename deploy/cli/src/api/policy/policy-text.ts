// Reports about policies, for a terminal.
import type { HostEnforcement, PolicyTestReport } from '@norn/response';
import type { ShownPolicy } from '@norn/contracts';
import { ago, columns, lines } from '../../print/columns.ts';
import type { DryRunDifference, DryRunReport, DryRunRule, DryRunSide } from './dry-run.ts';

const SUMMARY_MAX = 100;

/** `policy rules N, tests N/M`, and before it what was decided otherwise, and which rules hosts deny by themselves. */
export function policyTestText(
  { rules, right, total, wrong, untested }: PolicyTestReport,
  enforced: readonly HostEnforcement[],
): string {
  const listed = wrong.map(({ rule, expected, event, got }) => {
    const what = expected === 'match' ? `leaves to ${got}` : 'takes';
    return `✘ ${rule} ${what} ${JSON.stringify(event)}`;
  });
  const silent = untested.length > 0 ? [`without a test: ${untested.join(', ')}`] : [];
  return lines([
    ...listed,
    ...silent,
    ...enforced.map(enforcementText),
    `policy rules ${rules}, tests ${right}/${total}`,
  ]);
}

/** Where a rule that denies is enforced. */
export function enforcementText({ rule, denied, why }: HostEnforcement): string {
  if (denied === 'all') return `${rule}: denied on the hosts`;
  return `${rule}: ${denied === 'part' ? 'denied on the hosts in part' : 'not denied on the hosts'}, else answered (${why})`;
}

export function dryRunText(report: DryRunReport): string {
  const { policy, version, events, rules, actions, differences, refused } = report;
  const decided = rules.filter((rule) => rule.events > 0);
  const totals = Object.entries(actions).filter(([action]) => action !== 'protections');
  const said =
    totals.map(([action, count]) => `${action} ${count.toLocaleString('en')}`).join(', ') || 'nothing decided';
  const lost = refused.matches + refused.batches;
  return [
    ...(decided.length > 0
      ? [columns([['RULE', 'ACTION', 'EVENTS', 'FOR EXAMPLE'], ...decided.map(ruleRow)]), '']
      : []),
    `${policy} v${version} over ${events.toLocaleString('en')} events: ${said}; ${count(actions.protections)} left to the protections`,
    `${decided.length} of ${rules.length} rules decided something`,
    ...(lost > 0 ? [`not judged: ${refused.matches} matches, ${refused.batches} batches`] : []),
    ...(differences ? ['', ...differencesText(differences)] : []),
  ].join('\n');
}

/** What an application or a rollback came to. */
export function appliedText({ number, name, restores, summary }: ShownPolicy): string {
  const again = restores === 0 ? '' : `, the text of version ${restores}`;
  return `Version ${number} is in force: ${name}${again}. ${summary}.`;
}

export function historyText(versions: readonly ShownPolicy[], now: Date): string {
  if (versions.length === 0)
    return 'No policy was applied: the responses of the protections hold. ./norn policy apply FILE';
  const rows = versions.map(({ number, name, inForce, restores, appliedBy, appliedAt, summary }) => [
    `${number}${inForce ? ' (in force)' : ''}`,
    restores === 0 ? name : `${name} (as in ${restores})`,
    appliedBy,
    ago(appliedAt, now),
    summary,
  ]);
  return columns([['VERSION', 'POLICY', 'BY', 'WHEN', 'WHAT'], ...rows]);
}

function ruleRow({ name, action, otherwise, events, staged, examples }: DryRunRule): string[] {
  const else_ = otherwise === '' ? '' : ` (else ${otherwise})`;
  const stage = staged === 0 ? '' : `, ${staged === events ? 'all' : staged} observed until its date`;
  return [name, `${action}${else_}${stage}`, String(events), cut(examples[0]?.summary ?? '')];
}

function differencesText(differences: readonly DryRunDifference[]): string[] {
  if (differences.length === 0) return ['Nothing is decided otherwise.'];
  const total = differences.reduce((sum, { events }) => sum + events, 0);
  const rows = differences.map(({ before, after, events, examples }) => [
    String(events),
    sideText(before),
    sideText(after),
    cut(examples[0]?.summary ?? ''),
  ]);
  return [
    `${count(total)} events are decided otherwise:`,
    columns([['EVENTS', 'BEFORE', 'NOW', 'FOR EXAMPLE'], ...rows]),
  ];
}

function sideText({ rule, action }: DryRunSide): string {
  return rule === '' ? action : `${action} (${rule})`;
}

function count(number = 0): string {
  return number.toLocaleString('en');
}

function cut(text: string): string {
  return text.length > SUMMARY_MAX ? `${text.slice(0, SUMMARY_MAX)}…` : text;
}
