// What a policy would have done over recorded events, and what another would have done otherwise. Nothing is done.
import type { BatchAlerts } from '@norn/detection';
import { PolicyEngine, policyActions, type Policy, type PolicyAction, type PolicyDecision } from '@norn/response';
import { toRuleBatch } from '@norn/rules';
import { linesTenant } from '../../replay/input/batches.ts';
import { unperturbed } from '../../replay/perturb/perturb-arrivals.ts';
import { runRecording } from '../../replay/replay.ts';

/** Examples kept of a rule, and of a difference. */
const EXAMPLES_MAX = 3;
const DIFFERENCES_MAX = 1_000;
const US_PER_MS = 1000;

export interface DryRunExample {
  readonly time: string;
  readonly host: string;
  readonly summary: string;
}

export interface DryRunRule {
  readonly name: string;
  readonly action: PolicyAction;
  /** Of `deny`: what is done where the host can not refuse it. */
  readonly otherwise: string;
  readonly cve: string;
  /** Events that it decided. */
  readonly events: number;
  /** Of these, how many it only observed because it is staged. */
  readonly staged: number;
  readonly examples: readonly DryRunExample[];
}

/** What is decided about an event; a rule's name is empty where none matched. */
export interface DryRunSide {
  readonly rule: string;
  readonly action: PolicyAction | 'protections';
}

export interface DryRunDifference {
  readonly before: DryRunSide;
  readonly after: DryRunSide;
  readonly events: number;
  readonly examples: readonly DryRunExample[];
}

export interface DryRunReport {
  readonly policy: string;
  readonly version: number;
  readonly recording: string;
  readonly events: number;
  /** In the policy's order, those that decided nothing among them. */
  readonly rules: readonly DryRunRule[];
  /** Events by what would have been done; `protections`: no rule matched. */
  readonly actions: Readonly<Partial<Record<DryRunSide['action'], number>>>;
  /** Only with another policy: what is decided otherwise, the most frequent first. */
  readonly differences?: readonly DryRunDifference[];
  /** Matches beyond what is looked at of one batch, and batches that a stage refused. */
  readonly refused: { readonly matches: number; readonly batches: number };
}

export interface DryRunOptions {
  readonly policy: Policy;
  /** Whose decisions are "before". */
  readonly against?: Policy;
  readonly recording: string;
  /** Groups that every host of the recording is in, besides its own name. */
  readonly groups?: readonly string[];
  readonly onProgress?: (share: number, events: number) => void;
}

/** Throws `policy_invalid`, and what is wrong with the recording. */
export async function dryRun(options: DryRunOptions): Promise<DryRunReport> {
  const tally = new DryRunTally(options);
  let batches = 0;
  await runRecording(options.recording, {
    // Its findings are no matter of the policy: the stages are run for the lineage and the names.
    ruleSet: { rules: [], correlations: [] },
    perturbation: unperturbed,
    onRead: (share) => options.onProgress?.(share, tally.events),
    onDetected: (batch) => {
      tally.take(batch);
    },
    onRefused: () => {
      batches += 1;
    },
  });
  return tally.report(batches);
}

interface Counted {
  events: number;
  staged: number;
  readonly examples: DryRunExample[];
}

const nobody: DryRunSide = { rule: '', action: 'protections' };

class DryRunTally {
  events = 0;
  private readonly engine: PolicyEngine;
  private readonly former: PolicyEngine | undefined;
  private readonly byRule = new Map<string, Counted>();
  private readonly byAction = new Map<DryRunSide['action'], number>();
  private readonly differences = new Map<string, Counted & Pick<DryRunDifference, 'before' | 'after'>>();
  private refused = 0;

  constructor(private readonly options: DryRunOptions) {
    this.engine = new PolicyEngine(options.policy);
    this.former = options.against && new PolicyEngine(options.against);
  }

  take({ record, batch }: BatchAlerts): void {
    const host = record.key.slice(record.key.indexOf(':') + 1);
    const timeUsOf = (row: number): number => batch.baseTimeUs + (batch.columns.timeOffsetUs[row] ?? 0);
    const from = { groups: [host, ...(this.options.groups ?? [])], timeUsOf };
    const ruleBatch = toRuleBatch(batch);
    const { decisions, refused } = this.engine.decide(ruleBatch, from);
    this.events += batch.eventCount;
    this.refused += refused;
    const tell = ({ row, summary }: PolicyDecision): DryRunExample => ({
      time: new Date(timeUsOf(row) / US_PER_MS).toISOString(),
      host: record.key.startsWith(`${linesTenant}:`) ? host : record.key,
      summary,
    });
    for (const decision of decisions) this.countDecision(decision, tell(decision));
    if (!this.former) return;
    const before = new Map(this.former.decide(ruleBatch, from).decisions.map((each) => [each.row, each]));
    const after = new Map(decisions.map((each) => [each.row, each]));
    for (const row of new Set([...before.keys(), ...after.keys()])) this.compare(before.get(row), after.get(row), tell);
  }

  private countDecision({ rule, action, isStaged }: PolicyDecision, example: DryRunExample): void {
    const counted = this.byRule.get(rule.name) ?? { events: 0, staged: 0, examples: [] };
    this.byRule.set(rule.name, counted);
    this.byAction.set(action, (this.byAction.get(action) ?? 0) + 1);
    counted.staged += Number(isStaged);
    add(counted, example);
  }

  /** The same thing done for another rule's sake is no difference. */
  private compare(
    former: PolicyDecision | undefined,
    latter: PolicyDecision | undefined,
    tell: (decision: PolicyDecision) => DryRunExample,
  ): void {
    const [before, after] = [sideOf(former), sideOf(latter)];
    const told = latter ?? former;
    if (told === undefined || (before.action === after.action && otherwiseOf(former) === otherwiseOf(latter))) return;
    const key = JSON.stringify([before, after]);
    const known = this.differences.get(key);
    if (known === undefined && this.differences.size >= DIFFERENCES_MAX) return;
    const counted = known ?? { before, after, events: 0, staged: 0, examples: [] };
    this.differences.set(key, counted);
    add(counted, tell(told));
  }

  private countOf(action: PolicyAction): [PolicyAction, number][] {
    const count = this.byAction.get(action);
    return count === undefined ? [] : [[action, count]];
  }

  report(batches: number): DryRunReport {
    const { policy, recording, against } = this.options;
    const decided = [...this.byAction.values()].reduce((sum, count) => sum + count, 0);
    const differences = [...this.differences.values()].sort((a, b) => b.events - a.events);
    return {
      policy: policy.policy,
      version: policy.version,
      recording,
      events: this.events,
      rules: policy.rules.map(({ name, action, cve = '', otherwise }) => ({
        name,
        action,
        otherwise: action === 'deny' ? (otherwise ?? 'kill') : '',
        cve,
        ...(this.byRule.get(name) ?? { events: 0, staged: 0, examples: [] }),
      })),
      actions: {
        protections: this.events - decided,
        ...Object.fromEntries(policyActions.flatMap((action) => this.countOf(action))),
      },
      ...(against && {
        differences: differences.map(({ before, after, events, examples }) => ({ before, after, events, examples })),
      }),
      refused: { matches: this.refused, batches },
    };
  }
}

function add(counted: Counted, example: DryRunExample): void {
  counted.events += 1;
  if (counted.examples.length < EXAMPLES_MAX) counted.examples.push(example);
}

function sideOf(decision: PolicyDecision | undefined): DryRunSide {
  return decision ? { rule: decision.rule.name, action: decision.action } : nobody;
}

/** Of two that deny, what they do where nothing can be denied. */
function otherwiseOf(decision: PolicyDecision | undefined): string {
  return decision?.action === 'deny' ? (decision.rule.otherwise ?? 'kill') : '';
}
