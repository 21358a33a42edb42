// Plays the catalogue: a few actions at a time in each place, each judged by the finding that its own process gave.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@norn/base';
import type { ApiClient } from '@norn/cli';
import type { Level } from '@norn/rules';
import type { Ended, Stage, Started } from '../stage.ts';
import type { Where } from './action.ts';
import { FindingWatch, type Sighting } from './finding-watch.ts';
import type { Entry } from './read-catalogue.ts';

export type CataloguePlace = 'host' | 'container';

export interface Trial {
  readonly entry: Entry;
  readonly place: CataloguePlace;
}

/** A line of the table. */
export interface TrialResult {
  readonly action: string;
  readonly what: string;
  readonly place: CataloguePlace;
  readonly rule: string;
  readonly technique: string;
  /** The finding's; empty when there is none. */
  readonly severity: string;
  readonly containerId: string;
  /** The action's shell, as the host knows it; 0 when it did not start. */
  readonly pid: number;
  readonly alertId: string;
  /** From the start of the action to the moment the API had its finding, in its alert; 0 when it did not. */
  readonly ms: number;
  readonly result: 'passed' | 'late' | 'missing' | 'wrong severity' | 'failed' | 'skipped';
  /** Why it is not passed. */
  readonly note: string;
}

/** What a person may wait for an alert. */
const alertWithinMs = 2_000;
/** Late is not the same as never. */
const waitForMs = 8_000;
/** An action is over in a moment; one that hangs is left behind. */
const endWithinMs = 10_000;
/** More at a time would measure how busy they make the machine. */
const atATime = 2;

export interface CatalogueRun {
  readonly api: Pick<ApiClient, 'get'>;
  readonly trials: readonly Trial[];
  readonly openStage: (place: CataloguePlace) => Promise<Stage>;
  readonly onResult: (result: TrialResult) => void;
}

/** An action that is for both places is played in each of them. */
export function trialsOf(entries: readonly Entry[], where: Where): Trial[] {
  const places: readonly CataloguePlace[] = where === 'both' ? ['host', 'container'] : [where];
  return places.flatMap((place) =>
    entries
      .filter(({ action }) => action.where === 'both' || action.where === place)
      .map((entry) => ({ entry, place })),
  );
}

/** In the order of the trials. Whatever goes wrong with one is its line: the others are played all the same. */
export async function playCatalogue({ api, trials, openStage, onResult }: CatalogueRun): Promise<TrialResult[]> {
  const watch = new FindingWatch(api);
  const results = new Map<Trial, TrialResult>();
  const playIn = async (place: CataloguePlace): Promise<void> => {
    const here = trials.filter((trial) => trial.place === place);
    if (here.length === 0) return;
    const stage = await openStage(place);
    try {
      await inTurns(here, async (trial) => {
        const result = await playTrial(stage, watch, trial);
        results.set(trial, result);
        onResult(result);
      });
    } finally {
      await stage.close();
    }
  };
  await Promise.all([playIn('host'), playIn('container')]);
  return trials.flatMap((trial) => results.get(trial) ?? []);
}

async function inTurns<Item>(items: readonly Item[], play: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await play(item);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

async function playTrial(stage: Stage, watch: FindingWatch, trial: Trial): Promise<TrialResult> {
  const nothing = resultOf(trial, stage);
  try {
    const missing = await missingTools(stage, trial.entry.action.needs);
    if (missing.length > 0) return { ...nothing, result: 'skipped', note: `not installed: ${missing.join(', ')}` };
    const sinceMs = Date.now();
    const started = await stage.start(['/bin/sh', `${stage.actions}/${trial.entry.action.file}`]);
    const sighting = await watch.sighting(wantedOf(trial, { pid: started.pid, stage, sinceMs }), waitForMs);
    const ended = await endOf(started);
    return { ...nothing, pid: started.pid, ...judge(trial.entry, sighting, sinceMs), ...overrun(ended) };
  } catch (error) {
    return { ...nothing, result: 'failed', note: messageOf(error) };
  }
}

function resultOf({ entry: { action }, place }: Trial, { containerId }: Stage): TrialResult {
  const { name, what, rule, technique } = action;
  const unseen = { severity: '', pid: 0, alertId: '', ms: 0 };
  return { action: name, what, place, rule, technique, containerId, ...unseen, result: 'missing', note: '' };
}

async function missingTools(stage: Stage, needs: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const tool of needs) {
    const asked = await stage.start(['/bin/sh', '-c', 'command -v "$0"', tool]);
    if ((await asked.ended).code !== 0) missing.push(tool);
  }
  return missing;
}

function wantedOf({ entry: { rule } }: Trial, run: { pid: number; stage: Stage; sinceMs: number }) {
  const { pid, stage, sinceMs } = run;
  return { ruleId: rule.id, pid, containerId: stage.containerId, sinceMs, inAlert: opensAlert(rule.level) };
}

/** Findings of less than medium weight join an alert, but open none. */
function opensAlert(level: Level): boolean {
  return level !== 'informational' && level !== 'low';
}

type Judgement = Pick<TrialResult, 'severity' | 'alertId' | 'ms' | 'result' | 'note'>;

export function judge({ action, rule }: Entry, { found, atMs, others }: Sighting, sinceMs: number): Judgement {
  if (!found) {
    const note = others.length > 0 ? `came instead: ${others.join('; ')}` : 'nothing came of this process';
    return { severity: '', alertId: '', ms: 0, result: 'missing', note };
  }
  const { severity, techniques } = found.finding;
  const seen = { severity, alertId: found.alertId, ms: atMs - sinceMs };
  if (severity !== action.severity) return { ...seen, result: 'wrong severity', note: `not ${action.severity}` };
  if (!techniques.includes(action.technique))
    return { ...seen, result: 'failed', note: `${rule.file} speaks of ${techniques.join(', ')}` };
  return seen.ms > alertWithinMs
    ? { ...seen, result: 'late', note: lateness(Date.parse(found.finding.time) - sinceMs, atMs - sinceMs) }
    : { ...seen, result: 'passed', note: '' };
}

/** To whom the time went: to a machine that was slow to do the deed, or to those who tell of it. */
function lateness(deedMs: number, seenMs: number): string {
  return `later than ${String(alertWithinMs)} ms: it was done after ${String(deedMs)} ms, told ${String(seenMs - deedMs)} ms later`;
}

async function endOf({ ended }: Started): Promise<Ended | undefined> {
  return Promise.race([ended, sleep(endWithinMs, undefined, { ref: false })]);
}

/** An action that hangs has not put back what it did. */
function overrun(ended: Ended | undefined): Partial<TrialResult> {
  return ended ? {} : { result: 'failed', note: `still runs after ${String(endWithinMs / 1000)} s` };
}
