// The arithmetic of the attack part: what one attack came to, and whether all of them together meet the aims.
import type { ShownAlert, ShownAlertDetail } from '@norn/contracts';
import { compareManifests, type Manifest } from '../../attack/verdict.ts';
import { median, percentile } from '../percentiles.ts';

export interface AttackFigures {
  readonly place: string;
  readonly mode: string;
  readonly detected: boolean;
  /** The larger of what the agent counted and what differed or had to be put back. */
  readonly filesChanged: number;
  /** Their sizes before the attack. */
  readonly bytesChanged: number;
  /** From the first change to the stop. */
  readonly stoppedAfterMs: number;
  readonly restored: number;
  readonly removed: number;
  /** The larger of what Norn reports and what the manifests show. */
  readonly lost: number;
  readonly conflict: number;
  /** Files that differ though the attack is not known to have touched them, in the corpus and in the one beside it. */
  readonly collateralFiles: number;
  /** Killed processes that were not the attack's. */
  readonly collateralProcesses: number;
  /** From the request to the outcome of each restore, added up. */
  readonly restoreMs: number;
  /** By the vault's own clock, without the way to it; 0 when nothing was restored. */
  readonly filesPerSecond: number;
  readonly identical: boolean;
  /** The kernel does not let the mode work there: there was no attack. */
  readonly refused: boolean;
  /** Empty when the run ended as it should. */
  readonly problem: string;
}

/** A corpus before and after. */
export interface Witness {
  readonly before: Manifest;
  readonly after: Manifest;
}

export interface AttackEvidence {
  readonly place: string;
  readonly mode: string;
  /** As the attacker sees it. */
  readonly folder: string;
  readonly corpus: Witness;
  /** A corpus in the same place that the attack leaves alone. */
  readonly bystander: Witness;
  /** Absent when the attack was not detected. */
  readonly detail?: ShownAlertDetail | undefined;
  /** Other alerts that came while it ran. */
  readonly others: readonly ShownAlert[];
  readonly refused?: boolean;
  readonly problem: string;
}

const noFiles = { restored: 0, removed: 0, lost: 0, conflict: 0 };

export function attackFigures(evidence: AttackEvidence): AttackFigures {
  const { place, mode, corpus, bystander, detail, others, problem } = evidence;
  const differing = differingPaths(corpus.before, corpus.after).filter((path) => path in corpus.before);
  const touched = touchedPaths(evidence, differing);
  const harmed = differing.filter((path) => touched.has(path)).length;
  const sizes = [...touched].map((path) => Number(corpus.before[path]?.['size'] ?? 0));
  const { restored, removed, lost, conflict } = detail?.alert.files ?? noFiles;
  return {
    place,
    mode,
    detected: detail !== undefined,
    filesChanged: Math.max(detail?.alert.filesChanged ?? 0, touched.size),
    bytesChanged: sizes.reduce((sum, size) => sum + size, 0),
    stoppedAfterMs: detail?.alert.stoppedAfterMs ?? 0,
    restored,
    removed,
    lost: Math.max(lost, harmed),
    conflict,
    collateralFiles: differing.length - harmed + differingPaths(bystander.before, bystander.after).length,
    collateralProcesses: (detail ? strangersKilled(detail, evidence.folder) : 0) + killedBy(others),
    ...restoreSpeed(detail),
    identical: [corpus, bystander].every(({ before, after }) => compareManifests(before, after).identical),
    refused: evidence.refused ?? false,
    problem,
  };
}

/** Of both, those whose entries are not the same. */
function differingPaths(before: Manifest, after: Manifest): string[] {
  const only = (manifest: Manifest, path: string): Manifest => {
    const entry = manifest[path];
    return entry ? { [path]: entry } : {};
  };
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return paths.filter((path) => !compareManifests(only(before, path), only(after, path)).identical);
}

/** Files of the corpus that the attack is known to have changed; when nobody saw it, all that differ. */
function touchedPaths({ detail, folder, corpus }: AttackEvidence, differing: readonly string[]): Set<string> {
  if (!detail) return new Set(differing);
  const named = detail.files.filter(({ verdict }) => verdict !== 'unchanged').map(({ path }) => path);
  const within = named.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  return new Set(within.filter((path) => corpus.before[path]?.['kind'] === 'file'));
}

/** A process is the attack's when it, or one above it, names the corpus. */
function strangersKilled({ processes }: ShownAlertDetail, folder: string): number {
  const byUid = new Map(processes.map((process) => [process.processUid, process]));
  const isOfAttack = (uid: string, steps = processes.length): boolean => {
    const process = byUid.get(uid);
    if (!process || steps < 0) return false;
    return (
      process.images.some(({ commandLine }) => commandLine.includes(folder)) || isOfAttack(process.parentUid, steps - 1)
    );
  };
  return processes.filter(({ killed, processUid }) => killed && !isOfAttack(processUid)).length;
}

function killedBy(alerts: readonly ShownAlert[]): number {
  return alerts.reduce((sum, { killedPids }) => sum + killedPids.length, 0);
}

function restoreSpeed(detail?: ShownAlertDetail): Pick<AttackFigures, 'restoreMs' | 'filesPerSecond'> {
  const restores = (detail?.commands ?? []).filter(
    ({ action, finishedAt }) => action === 'restore' && finishedAt !== '',
  );
  const spans = restores.map(({ requestedAt, finishedAt }) => Date.parse(finishedAt) - Date.parse(requestedAt));
  // "12 files in 3 ms": the vault tells whole milliseconds.
  const told = restores.map(({ message }) => /(\d+) files in (\d+) ms/.exec(message));
  const files = told.reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0);
  const vaultMs = told.reduce((sum, match) => sum + Math.max(1, Number(match?.[2] ?? 0)), 0);
  return {
    restoreMs: spans.reduce((sum, span) => sum + span, 0),
    filesPerSecond: files === 0 ? 0 : Math.round((files * 1000) / vaultMs),
  };
}

export interface AttackSummary {
  readonly runs: number;
  readonly failed: number;
  readonly filesChangedMedian: number;
  readonly filesChangedP99: number;
  readonly lost: number;
  readonly collateral: number;
  readonly identical: number;
  /** What keeps the aims from being met, a sentence each. */
  readonly missed: readonly string[];
}

/** Of the whole part. */
export interface AttackReport {
  /** In the corpus of each attack. */
  readonly files: number;
  readonly attacks: readonly AttackFigures[];
  readonly summary: AttackSummary;
}

export const attackAims = { filesChangedMedianBelow: 10, filesChangedP99Below: 30 } as const;

/** Of the attacks that were possible. */
export function summarizeAttacks(rows: readonly AttackFigures[]): AttackSummary {
  const runs = rows.filter(({ refused }) => !refused);
  const changed = runs.map(({ filesChanged }) => filesChanged);
  const figures = {
    runs: runs.length,
    failed: runs.filter(({ problem }) => problem !== '').length,
    filesChangedMedian: median(changed),
    filesChangedP99: percentile(changed, 0.99),
    lost: runs.reduce((sum, { lost }) => sum + lost, 0),
    collateral: runs.reduce((sum, run) => sum + run.collateralFiles + run.collateralProcesses, 0),
    identical: runs.filter(({ identical }) => identical).length,
  };
  return { ...figures, missed: missedAims(figures) };
}

/** Written so that a figure that is not a number misses its aim. */
function missedAims(summary: Omit<AttackSummary, 'missed'>): string[] {
  const { filesChangedMedianBelow: medianBelow, filesChangedP99Below: p99Below } = attackAims;
  const different = summary.runs - summary.identical;
  return [
    ...(summary.runs > 0 ? [] : ['no attack was played']),
    ...(summary.failed === 0 ? [] : [`${summary.failed} of ${summary.runs} attacks did not end as they should`]),
    ...(summary.lost === 0 ? [] : [`${summary.lost} files lost`]),
    ...(different === 0 ? [] : [`${different} of ${summary.runs} corpora are not identical afterwards`]),
    ...(summary.collateral === 0 ? [] : [`${summary.collateral} files or processes of others were hit`]),
    ...(summary.filesChangedMedian < medianBelow
      ? []
      : [`median of files changed is ${summary.filesChangedMedian}, not below ${medianBelow}`]),
    ...(summary.filesChangedP99 < p99Below
      ? []
      : [`p99 of files changed is ${summary.filesChangedP99}, not below ${p99Below}`]),
  ];
}
