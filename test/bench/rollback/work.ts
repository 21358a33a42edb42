// The ordinary-work part: real tools at work in a protected directory, and what the running installation makes of each.
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@norn/base';
import { type ApiClient, columns, connectApi, installPackages, isThere } from '@norn/cli';
import { buildSimulator } from '../../attack/binary.ts';
import type { Tell } from '../../attack/play.ts';
import { run } from '../../attack/stage.ts';
import { startProgress } from '../progress.ts';
import { newAlerts, settledAlert } from './alerts-since.ts';
import { isSelected, type RollbackPart, type RollbackOptions } from './rollback-part.ts';
import { runScript } from './script.ts';
import {
  isOfWork,
  notHere,
  summarizeWork,
  workFigures,
  type Ending,
  type WorkFigures,
  type WorkReport,
} from './work-figures.ts';
import { recipes, type Recipe, type Tool } from './work-recipes.ts';

/** Below /srv, which is protected by default. */
export const workFolder = '/srv/norn-bench';
const corpusFiles = 200;
/** An alert is there within a second of what it tells. */
const alertsAfterMs = 2_000;

export async function measureWork(options: RollbackOptions, tell: Tell): Promise<RollbackPart<WorkReport>> {
  const api = await connectApi();
  const simulator = await buildSimulator(tell);
  const chosen = recipes.filter(({ name }) => isSelected(name, options));
  await installMissing(chosen, tell);
  const folder = join(workFolder, randomBytes(4).toString('hex'));
  const progress = startProgress(chosen.length, tell);
  const rows: WorkFigures[] = [];
  try {
    for (const [index, recipe] of chosen.entries()) {
      options.checkInterrupted();
      const row = await workOnce(api, recipe, { simulator, folder: join(folder, String(index)) });
      rows.push(row);
      progress.step(`${recipe.name}: ${sentence(row)}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const summary = summarizeWork(rows);
  return { figures: { work: rows, summary }, text: workTable(rows), missed: summary.missed };
}

function missing(needs: readonly Tool[]): Tool[] {
  return needs.filter(({ provides }) => !isThere(provides));
}

/** What can't be had is no reason to stop: its rows say so. */
async function installMissing(chosen: readonly Recipe[], tell: Tell): Promise<void> {
  const wanted = missing(chosen.flatMap(({ needs }) => needs)).filter(({ byHand }) => !byHand);
  if (wanted.length === 0) return;
  const names = wanted.map((tool) => tool.package);
  tell(`Installing ${names.join(', ')} …`);
  try {
    await installPackages(names, () => undefined);
  } catch (error) {
    tell(messageOf(error));
  }
}

interface Place {
  readonly simulator: string;
  readonly folder: string;
}

async function workOnce(api: ApiClient, recipe: Recipe, { simulator, folder }: Place): Promise<WorkFigures> {
  const absent = missing(recipe.needs);
  if (absent.length > 0)
    return notHere(
      recipe.name,
      absent.map((tool) => tool.package),
    );
  await mkdir(folder, { recursive: true });
  const corpus = join(folder, 'corpus');
  await run(simulator, ['prepare', corpus, '--files', String(corpusFiles)]);
  // gzip leaves set-user-ID files out, ccrypt asks about read-only ones, both stumble over links that lead nowhere: the
  // oddities of an attack's corpus are no ordinary work's.
  await run('chmod', ['-R', 'u=rwX,go=rX', corpus]);
  await run('find', [corpus, '-type', 'l', '-delete']);
  const since = await newAlerts(api);
  const shells: number[] = [];
  const ending = await prepareAndWork(recipe, folder, (pid) => shells.push(pid));
  await sleep(alertsAfterMs);
  const alerts = await since();
  const details = await Promise.all(alerts.map(({ id }) => settledAlert(api, id)));
  const own = details.filter((detail) => shells.some((pid) => isOfWork(detail, pid, folder)));
  return workFigures(recipe.name, ending, { own, elsewhere: details.length - own.length });
}

async function prepareAndWork(recipe: Recipe, folder: string, onStart: (pid: number) => void): Promise<Ending> {
  if (recipe.prepare) {
    const prepared = await runScript({ text: recipe.prepare, folder }, onStart);
    if (prepared.code !== 0) return { ...prepared, said: `while preparing: ${prepared.said}` };
  }
  return runScript({ text: recipe.work, folder }, onStart);
}

function sentence(row: WorkFigures): string {
  if (row.outcome === 'not here') return row.reason;
  const alerts = row.alerts === 1 ? '1 alert' : `${row.alerts} alerts`;
  const figures = `${(row.ms / 1000).toFixed(1)} s, ${row.kills} kills, ${row.suspends} suspends, ${alerts}`;
  return row.reason ? `✘ ${row.reason} (${figures})` : figures;
}

function workTable(rows: readonly WorkFigures[]): string {
  const header = ['ORDINARY WORK', 'KILLS', 'SUSPENDS', 'ALERTS', 'SECONDS', ''];
  const line = (row: WorkFigures): string[] => [
    row.name,
    ...(row.outcome === 'not here'
      ? ['–', '–', '–', '–']
      : [String(row.kills), String(row.suspends), String(row.alerts), (row.ms / 1000).toFixed(1)]),
    [row.reason, ...row.titles, row.elsewhere > 0 ? `alerts of others: ${row.elsewhere}` : '']
      .filter(Boolean)
      .join(' · '),
  ];
  const { done, kills, suspends, alerts } = summarizeWork(rows);
  return [
    columns([header, ...rows.map(line)]),
    `${done} of ${rows.length} done: ${kills} kills, ${suspends} suspends, ${alerts} alerts of medium or above`,
  ].join('\n');
}
