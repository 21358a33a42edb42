// One attack from beginning to end: manifest, attack, alert, stop, restore, manifest, verdict.
import { messageOf, NornError } from '@norn/base';
import { type ApiClient, connectApi, fileSentence } from '@norn/cli';
import type { ShownAlert } from '@norn/contracts';
import { followAlert, knownAlerts, type Followed } from './follow.ts';
import { mayBeRefused } from './modes.ts';
import { scenarios, type Pace, type ScenarioName } from './scenario.ts';
import type { Scene } from './stage.ts';
import { compareManifests, parseManifest, type Manifest, type Verdict } from './verdict.ts';

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

/** One attack of a session. */
export interface Attack {
  readonly scenario: ScenarioName;
  readonly pace: Pace;
  readonly stage: Scene;
  /** Until the alert must be there; the scenario's own time when it is not given. */
  readonly detectWithinMs?: number;
}

/** What came of it, whatever that is. */
export interface Course extends Followed {
  readonly detectedAfterMs: number;
  readonly verdict: Verdict;
}

/** Throws `not_detected`, `not_remediated` and `refused`. */
export async function playAttack(attack: Attack, tell: Tell): Promise<AttackReport> {
  const api = await connectApi();
  const course = await runAttack(api, attack, tell);
  if (course.failure) throw course.failure;
  return reportOf(api, attack, course as Course & { alert: ShownAlert });
}

/** Manifest, attack, alert, manifest. Throws `refused` when the kernel does not let the mode work there. */
export async function runAttack(api: ApiClient, attack: Attack, tell: Tell): Promise<Course> {
  const { stage, pace } = attack;
  const scenario = scenarios[attack.scenario];
  if (attack.scenario === 'ransomware' && mayBeRefused(pace.mode)) await mustBePossible(attack);
  const known = await knownAlerts(api);
  const before = await manifestOf(stage);
  tell(`Attack: ${attack.scenario} ${scenario.description(pace)}, in ${stage.description}`);
  const startedAt = Date.now();
  await stage.launch(scenario.line(stage.corpus, pace));
  let detectedAfterMs = 0;
  const followed = await followAlert({
    api,
    known,
    containerId: stage.containerId,
    corpus: stage.corpus,
    begunAt: startedAt,
    detectWithinMs: attack.detectWithinMs ?? scenario.timeoutMs,
    timeoutMs: scenario.timeoutMs,
    onChange: (change) => {
      detectedAfterMs ||= Date.now() - startedAt;
      tell(changeSentence(change));
    },
  });
  return { ...followed, detectedAfterMs, verdict: compareManifests(before, await manifestOf(stage)) };
}

/** What norn-attack says, with exit code 3, when the kernel does not let it; through Docker and runc only the words come. */
const refusal = 'is refused here';

async function mustBePossible({ stage, pace: { mode } }: Attack): Promise<void> {
  try {
    await stage.ask(['ransomware', stage.corpus, '--mode', mode, '--check']);
  } catch (error) {
    if (!messageOf(error).includes(refusal)) throw error;
    throw new NornError('refused', `The kernel refuses ${mode} in ${stage.description}: ${messageOf(error)}`);
  }
}

async function manifestOf(stage: Scene): Promise<Manifest> {
  return parseManifest(await stage.ask(['manifest', stage.corpus]));
}

function reportOf(
  api: ApiClient,
  { scenario, pace: { mode } }: Attack,
  { alert, detectedAfterMs, verdict }: Course & { alert: ShownAlert },
): AttackReport {
  const problem = scenarios[scenario].check(alert);
  const problems = [...verdict.differences, ...(problem ? [problem] : [])];
  return {
    scenario,
    mode,
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
