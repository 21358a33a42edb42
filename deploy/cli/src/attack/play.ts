// One attack from beginning to end: manifest, attack, alert, stop, restore, manifest, verdict.
import type { ShownAlert } from '@norn/contracts';
import { connectApi } from '../api/client.ts';
import { fileSentence } from '../commands/alerts.ts';
import { followAlert, knownAlerts } from './follow.ts';
import { scenarios, type Pace, type ScenarioName } from './scenario.ts';
import type { Stage } from './stage.ts';
import { compareManifests, type Manifest, type Verdict } from './verdict.ts';

export interface AttackReport {
  readonly scenario: ScenarioName;
  readonly mode: string;
  readonly containerId: string;
  readonly alertId: string;
  readonly url: string;
  readonly severity: string;
  readonly state: string;
  readonly detectedAfterMs: number;
  readonly stoppedAfterMs: number;
  readonly filesChanged: number;
  readonly killedPids: readonly number[];
  readonly files: ShownAlert['files'];
  readonly verdict: Verdict;
  /** Everything that should be true is. */
  readonly passed: boolean;
  readonly problems: readonly string[];
}

export type Tell = (sentence: string) => void;

export async function playAttack(name: ScenarioName, pace: Pace, stage: Stage, tell: Tell): Promise<AttackReport> {
  const scenario = scenarios[name];
  const api = await connectApi();
  const known = await knownAlerts(api);
  const before = JSON.parse(await stage.ask(['manifest', stage.corpus])) as Manifest;
  tell(`Attack: ${name} ${scenario.description}, in ${stage.description}`);
  const startedAt = Date.now();
  await stage.launch(scenario.line(stage.corpus, pace));
  let detectedAfterMs = 0;
  const alert = await followAlert({
    api,
    known,
    containerId: stage.containerId,
    timeoutMs: scenario.timeoutMs,
    onChange: (change) => {
      detectedAfterMs ||= Date.now() - startedAt;
      tell(changeSentence(change));
    },
  });
  const after = JSON.parse(await stage.ask(['manifest', stage.corpus])) as Manifest;
  const verdict = compareManifests(before, after);
  const problems = [...verdict.differences, ...[scenario.check(alert)].filter((problem) => problem !== undefined)];
  return {
    scenario: name,
    mode: pace.mode,
    containerId: alert.containerId,
    alertId: alert.id,
    url: `${api.url}/alerts/${alert.id}`,
    severity: alert.severity,
    state: alert.state,
    detectedAfterMs,
    stoppedAfterMs: alert.stoppedAfterMs,
    filesChanged: alert.filesChanged,
    killedPids: alert.killedPids,
    files: alert.files,
    verdict,
    passed: problems.length === 0 && alert.state === 'remediated',
    problems,
  };
}

function changeSentence(alert: ShownAlert): string {
  const where = alert.containerId ? `container ${alert.containerId.slice(0, 12)}` : 'the host';
  return `${alert.severity} · ${alert.title} · ${where} · ${alert.state}\n    ${alert.summary}\n    killed ${alert.killedPids.join(', ') || 'nothing'} after ${String(alert.stoppedAfterMs)} ms and ${String(alert.filesChanged)} files · ${fileSentence(alert)}`;
}
