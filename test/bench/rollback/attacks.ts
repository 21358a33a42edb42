// The attack part: every way ransomware writes × every place, each stopped and undone by the running installation.
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, NornError } from '@norn/base';
import { type ApiClient, bytes, columns, connectApi } from '@norn/cli';
import { modes, type Mode } from '../../attack/modes.ts';
import { placeOpener, places, type OpenPlace, type Place } from '../../attack/place.ts';
import { runAttack, type Tell } from '../../attack/play.ts';
import type { Stage } from '../../attack/stage.ts';
import { parseManifest, type Manifest } from '../../attack/verdict.ts';
import { startProgress } from '../progress.ts';
import { newAlerts, settledAlert } from './alerts-since.ts';
import {
  attackFigures,
  summarizeAttacks,
  type AttackFigures,
  type AttackReport,
  type Witness,
} from './attack-figures.ts';
import { isSelected, type RollbackPart, type RollbackOptions } from './rollback-part.ts';

const bystanderFiles = 60;
/** What a session does within a second of a stop counts to the attack that was stopped. */
const apartMs = 1_500;

interface Run {
  readonly place: Place;
  readonly mode: Mode;
}

export async function measureAttacks(options: RollbackOptions, tell: Tell): Promise<RollbackPart<AttackReport>> {
  const api = await connectApi();
  const runs = selectedRuns(options);
  const openPlace = await placeOpener(options, tell);
  const progress = startProgress(runs.length, tell);
  const figures: AttackFigures[] = [];
  for (const run of runs) {
    options.checkInterrupted();
    await sleep(apartMs);
    const row = await playOne(api, run, openPlace);
    figures.push(row);
    progress.step(`${run.place} ${run.mode}: ${sentence(row)}`);
  }
  const summary = summarizeAttacks(figures);
  return {
    figures: { files: options.files, attacks: figures, summary },
    text: attackTable(figures, options.files),
    missed: summary.missed,
  };
}

function selectedRuns(options: RollbackOptions): Run[] {
  const all = Object.keys(places).flatMap((place) => modes.map((mode) => ({ place: place as Place, mode })));
  const chosen = all.filter(({ place, mode }) => isSelected(`${place} ${mode}`, options));
  return Array.from({ length: options.rounds ?? 1 }, () => chosen).flat();
}

/** A run that fails is a row with its reason. */
async function playOne(api: ApiClient, run: Run, openPlace: OpenPlace): Promise<AttackFigures> {
  const nothing: Witness = { before: {}, after: {} };
  try {
    return await playOnStage(api, run, await openPlace(run.place));
  } catch (error) {
    const refused = error instanceof NornError && error.code === 'refused';
    const problem = messageOf(error);
    return attackFigures({ ...run, folder: '', corpus: nothing, bystander: nothing, others: [], refused, problem });
  }
}

async function playOnStage(api: ApiClient, run: Run, stage: Stage): Promise<AttackFigures> {
  const bystander = `${stage.corpus}-bystander`;
  try {
    await stage.ask(['prepare', bystander, '--files', String(bystanderFiles)]);
    const before = await manifests(stage, bystander);
    const since = await newAlerts(api);
    const { alertId, problem } = await attackOnce(api, run, stage);
    const after = await manifests(stage, bystander);
    const detail = alertId === '' ? undefined : await settledAlert(api, alertId);
    return attackFigures({
      ...run,
      folder: stage.corpus,
      corpus: { before: before.corpus, after: after.corpus },
      bystander: { before: before.bystander, after: after.bystander },
      detail,
      others: (await since()).filter(({ id }) => id !== alertId),
      problem,
    });
  } finally {
    await stage.close();
    // A container takes its bystander along.
    if (stage.containerId === '') await rm(bystander, { recursive: true, force: true });
  }
}

/** The alert may be there though the attack was not undone. Throws `refused`. */
async function attackOnce(api: ApiClient, { mode }: Run, stage: Stage): Promise<{ alertId: string; problem: string }> {
  const attack = { scenario: 'ransomware', pace: { mode }, stage } as const;
  const { alert, failure, verdict } = await runAttack(api, attack, () => undefined);
  const ended = alert?.state === 'remediated' ? [] : [`alert is ${alert?.state ?? 'not there'}`];
  const problems = failure ? [failure.message] : [...verdict.differences.slice(0, 3), ...ended];
  return { alertId: alert?.id ?? '', problem: problems.join('; ') };
}

async function manifests(stage: Stage, bystander: string): Promise<{ corpus: Manifest; bystander: Manifest }> {
  const read = async (folder: string): Promise<Manifest> => parseManifest(await stage.ask(['manifest', folder]));
  return { corpus: await read(stage.corpus), bystander: await read(bystander) };
}

function sentence(row: AttackFigures): string {
  if (row.refused) return 'refused by the kernel';
  if (row.problem) return `✘ ${row.problem}`;
  return `${row.filesChanged} files in ${row.stoppedAfterMs} ms, ${row.restored} restored, ${row.lost} lost`;
}

function attackTable(rows: readonly AttackFigures[], files: number): string {
  const header = [
    'ATTACK',
    'CHANGED',
    'BYTES',
    'STOP ms',
    'RESTORED',
    'REMOVED',
    'LOST',
    'CONFLICT',
    'COLLATERAL',
    'RESTORE ms',
    'FILES/s',
    'IDENTICAL',
    '',
  ];
  const summary = summarizeAttacks(rows);
  return [
    `Attacks on ${files} files`,
    columns([header, ...rows.map(attackRow)]),
    `Files changed before the stop: median ${summary.filesChangedMedian}, p99 ${summary.filesChangedP99}; lost ${summary.lost}; identical ${summary.identical} of ${summary.runs}`,
  ].join('\n');
}

function attackRow(row: AttackFigures): string[] {
  return [
    `${row.place} ${row.mode}`,
    String(row.filesChanged),
    bytes(row.bytesChanged),
    row.detected ? String(row.stoppedAfterMs) : 'not detected',
    ...[row.restored, row.removed, row.lost, row.conflict].map(String),
    `${row.collateralFiles} files, ${row.collateralProcesses} processes`,
    String(row.restoreMs),
    String(row.filesPerSecond),
    row.identical ? 'yes' : 'no',
    row.problem ? `✘ ${row.problem}` : '',
  ];
}
