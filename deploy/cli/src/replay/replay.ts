// Recorded events in, findings and alerts out, through the real stages.
import { NornError, messageOf } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { type Rule, RuleEngine, type RuleSet, readRules } from '@norn/rules';
import { z } from 'zod';
import { readRuleFiles } from './rule-files.ts';
import { readBatches } from './input/batches.ts';
import type { ArrivalCounters } from './input/arrival-window.ts';
import { openInput, type InputFormat } from './input/open-file.ts';
import { type Perturbation, unperturbed } from './perturb/perturb-arrivals.ts';
import { perturbBatches } from './perturb/perturb-batches.ts';
import { ReportCollector, type ReplayReport } from './report.ts';
import { ReplayStages, type StagesOptions } from './stages.ts';

export interface ReplayOptions {
  /** A folder or file of rules instead of Norn's own. */
  readonly rules?: string;
  readonly perturbation?: Perturbation;
  /** How much of the file has been read, 0 … 1, and how many events were judged. */
  readonly onProgress?: (share: number, events: number) => void;
  /** Something is done without: a rule that no batch can be asked. */
  readonly onRemark?: (sentence: string) => void;
}

const detectionSettings = z.object({
  alertWindowMs: settings.alertWindowMs,
  correlationHoldBackMs: settings.correlationHoldBackMs,
});

/** Throws what is wrong with the file or the rules, with the cure. */
export async function replay(path: string, options: ReplayOptions = {}): Promise<ReplayReport> {
  const { perturbation = unperturbed, onProgress = () => undefined } = options;
  const ruleSet = await (options.rules === undefined ? readPack() : readOwnRules(options.rules, options.onRemark));
  const collector = new ReportCollector();
  const { format, counters } = await runRecording(path, {
    ruleSet,
    perturbation,
    onRead: (share) => {
      onProgress(share, collector.eventCount);
    },
    onDetected: (result) => {
      collector.take(result);
    },
    onCounted: (result) => {
      collector.take(result);
    },
    onRefused: (refusal) => {
      collector.refuse(refusal);
    },
  });
  return collector.finish({ file: path, format, rules: ruleSet.rules.length, arrivals: counters });
}

export interface RecordingRun extends Pick<StagesOptions, 'ruleSet' | 'onDetected' | 'onCounted' | 'onRefused'> {
  readonly perturbation: Perturbation;
  /** How much of the file has been read, 0 … 1. */
  readonly onRead: (share: number) => void;
}

/** Takes every batch of a recording through the stages. Throws what is wrong with the file, with the cure. */
export async function runRecording(
  path: string,
  { ruleSet, perturbation, onRead, ...told }: RecordingRun,
): Promise<{ format: InputFormat; counters: ArrivalCounters }> {
  const { alertWindowMs, correlationHoldBackMs: holdBackMs } = loadConfig(detectionSettings);
  const stages = await ReplayStages.load({ ruleSet, alertWindowMs, holdBackMs, ...told });
  const input = await openInput(path, (read, total) => {
    onRead(total === 0 ? 0 : read / total);
  });
  const { batches, counters } = readBatches(input, {
    perturbation,
    onFacts: (hostKey, facts) => {
      learnFacts(stages, hostKey, facts);
    },
  });
  for await (const batch of perturbBatches(batches, perturbation)) await stages.take(batch);
  await stages.end();
  return { format: input.format, counters };
}

function learnFacts({ directories }: ReplayStages, hostKey: string, facts: Uint8Array): void {
  try {
    directories.learn(hostKey, facts);
  } catch (error) {
    const cure = 'record it again';
    throw new NornError('recording_malformed', `The facts of ${hostKey} do not parse (${messageOf(error)}): ${cure}`);
  }
}

async function readPack(): Promise<RuleSet> {
  const { readRulePack } = await import('@norn/detection');
  return readRulePack();
}

/** Those that can be asked about the sensor's events; of others the first is named. */
async function readOwnRules(path: string, onRemark: (sentence: string) => void = () => undefined): Promise<RuleSet> {
  const { rules, correlations } = readRules(await readRuleFiles(path));
  const usable: Rule[] = [];
  const refusals: string[] = [];
  for (const rule of rules) {
    try {
      new RuleEngine([rule]);
      usable.push(rule);
    } catch (error) {
      refusals.push(messageOf(error));
    }
  }
  const [first] = refusals;
  if (first !== undefined) onRemark(`${refusals.length} of ${rules.length} rules are left out, the first: ${first}`);
  return { rules: usable, correlations };
}
