// What FIGURES.md says of each benchmark: a sentence with the figure that matters, then a table.
import type { CatalogueReport } from '../../attack/catalogue/table.ts';
import { places, type Place } from '../../attack/place.ts';
import { markdownTable } from './markdown.ts';
import type { LatencyFigures } from '../latency.ts';
import { percentiles } from '../percentiles.ts';
import type { AttackFigures, AttackReport } from '../rollback/attack-figures.ts';
import type { CostReport } from '../rollback/cost-figures.ts';
import type { WorkReport } from '../rollback/work-figures.ts';

export function attackSection({ files, attacks, summary }: AttackReport): string {
  const inPlaces = Object.keys(places) as Place[];
  const modes = [...new Set(attacks.map(({ mode }) => mode))];
  const cell = (mode: string, place: Place): string =>
    attackCell(attacks.filter((row) => row.mode === mode && row.place === place));
  return [
    `**${summary.lost} files lost** over ${summary.runs} attacks on ${files} files each; ${summary.identical} of ${summary.runs} corpora are identical`,
    `afterwards: content, mode, owner, times, attributes, links. Before the stop an attack changed ${summary.filesChangedMedian} files in the median and`,
    `${summary.filesChangedP99} at p99. Of others, ${summary.collateral} files and processes were hit.`,
    '',
    'A cell is *files changed before the stop* / *lost*.',
    '',
    markdownTable([
      ['', ...inPlaces.map((place) => places[place])],
      ...modes.map((mode) => [`\`${mode}\``, ...inPlaces.map((place) => cell(mode, place))]),
    ]),
  ].join('\n');
}

function attackCell(rows: readonly AttackFigures[]): string {
  const runs = rows.filter(({ refused }) => !refused);
  if (runs.length === 0) return rows.length > 0 ? 'refused by the kernel' : '–';
  const changed = Math.max(...runs.map(({ filesChanged }) => filesChanged));
  const lost = runs.reduce((sum, run) => sum + run.lost, 0);
  const failed = runs.some(({ problem }) => problem !== '');
  return `${changed} / ${lost}${failed ? ' ✘' : ''}`;
}

export function workSection({ work, summary }: WorkReport): string {
  const rows = work.filter(({ outcome }) => outcome !== 'not here');
  return [
    `${summary.done} pieces of ordinary work that look like an attack: ${summary.kills} processes killed, ${summary.suspends} suspended,`,
    `${summary.alerts} alerts of medium severity or above.`,
    '',
    markdownTable([
      ['Work', 'Killed', 'Suspended', 'Alerts'],
      ...rows.map((row) => [
        row.name,
        String(row.kills),
        String(row.suspends),
        row.titles.join(', ') || String(row.alerts),
      ]),
    ]),
  ].join('\n');
}

export function catalogueSection({ results, passed, failed, skipped }: CatalogueReport): string {
  const done = results.filter(({ result }) => result !== 'skipped');
  const { p50, p99, max } = percentiles(done.map(({ ms }) => ms).filter((ms) => ms > 0));
  const techniques = new Set(done.map(({ technique }) => technique));
  const missed = done.filter(({ result }) => result !== 'passed');
  return [
    `${passed} of ${passed + failed} actions gave their alert with the right rule, process and container (${skipped} could not be played here),`,
    `over ${techniques.size} ATT&CK techniques. From the action's end to the alert in the API: p50 ${ms(p50)}, p99 ${ms(p99)}, at most ${ms(max)}.`,
    ...missed.map(({ action, place, result, note }) => `\n- missed: \`${action}\` · ${place}: ${result} ${note}`),
  ].join('\n');
}

export function latencySection(rows: readonly LatencyFigures[]): string {
  const row = ({ eventsPerSecond, eventToAlertMs: alert, commandToDoneMs: done }: LatencyFigures): string[] => [
    String(eventsPerSecond),
    ...[alert.p50, alert.p99, alert.max, done.p50, done.p99, done.max].map(ms),
  ];
  const title = ['Events/s beside', 'alert p50', 'p99', 'max', 'command done p50', 'p99', 'max'];
  return markdownTable([title, ...rows.map(row)]);
}

export interface RuleSetFigures {
  readonly rules: number;
  readonly eventsPerSecond: number;
  readonly nsPerEvent: number;
  readonly startMs: number;
  readonly heapMb: number;
}

export function rulesSection(rows: readonly RuleSetFigures[]): string {
  return markdownTable([
    ['Rules', 'Events/s and core', 'ns an event', 'Start', 'Heap'],
    ...rows.map((row) => [
      row.rules.toLocaleString('en'),
      Math.round(row.eventsPerSecond).toLocaleString('en'),
      row.nsPerEvent.toFixed(0),
      ms(row.startMs),
      `${row.heapMb.toFixed(0)} MB`,
    ]),
  ]);
}

export function costSection({ cost }: CostReport): string {
  return markdownTable([
    ['Work', 'Bare', 'With the agent', 'Ratio'],
    ...cost.map(({ name, unit, bare, watched, ratio }) => [
      name,
      `${amount(bare)} ${unit}`,
      `${amount(watched)} ${unit}`,
      String(ratio),
    ]),
  ]);
}

function amount(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 });
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
