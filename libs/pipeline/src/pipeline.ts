// Runs steps over a batch of envelopes (one Kafka record each, hundreds of events inside); never over single events.
import { Metric, count } from '@norn/telemetry';
import { timed } from './busy.ts';
import type { Outcome } from './outcome.ts';

/** A named function: one outcome for each envelope, in the order of the envelopes. */
export type Step<In, Out> = (envelopes: readonly In[]) => readonly Outcome<Out>[] | Promise<readonly Outcome<Out>[]>;

/** What became of the envelopes. `source` is the position in what was given to `run`. */
export interface PipelineResult<Out> {
  readonly ok: readonly { readonly source: number; readonly value: Out }[];
  readonly dropped: readonly { readonly source: number; readonly reason: string }[];
  readonly deadLettered: readonly { readonly source: number; readonly reason: string; readonly error: Error }[];
  readonly redirected: readonly { readonly source: number; readonly output: string; readonly value: unknown }[];
}

export interface Pipeline<In, Out> {
  /** Adds a step; the flow reads top-down in run order. */
  pipe<Next>(step: Step<Out, Next>): Pipeline<In, Next>;
  /** Throws only what a step throws: a broken invariant. */
  run(envelopes: readonly In[]): Promise<PipelineResult<Out>>;
}

/** Starts an empty pipeline of a stage. */
export function pipeline<In>(stage: string): Pipeline<In, In> {
  return extend<In, In>(stage, []);
}

/** Makes a step out of a function for one envelope; the step keeps the function's name. */
export function each<In, Out>(one: (envelope: In) => Outcome<Out>): Step<In, Out> {
  const step = (envelopes: readonly In[]): Outcome<Out>[] => envelopes.map(one);
  Object.defineProperty(step, 'name', { value: one.name });
  return step;
}

function extend<In, Out>(stage: string, steps: readonly Step<unknown, unknown>[]): Pipeline<In, Out> {
  return {
    pipe: <Next>(step: Step<Out, Next>) => extend<In, Next>(stage, [...steps, step as Step<unknown, unknown>]),
    run: async (envelopes) => (await new Run(stage, envelopes).through(steps)) as PipelineResult<Out>,
  };
}

/** One batch on its way through the steps. */
class Run implements PipelineResult<unknown> {
  ok: { source: number; value: unknown }[];
  readonly dropped: { source: number; reason: string }[] = [];
  readonly deadLettered: { source: number; reason: string; error: Error }[] = [];
  readonly redirected: { source: number; output: string; value: unknown }[] = [];

  constructor(
    private readonly stage: string,
    envelopes: readonly unknown[],
  ) {
    this.ok = envelopes.map((value, source) => ({ source, value }));
  }

  async through(steps: readonly Step<unknown, unknown>[]): Promise<this> {
    for (const step of steps) {
      if (this.ok.length === 0) break;
      await this.apply(step);
    }
    return this;
  }

  private async apply(step: Step<unknown, unknown>): Promise<void> {
    const before = this.ok;
    const outcomes = await timed({ stage: this.stage, step: step.name }, () => step(before.map(({ value }) => value)));
    if (outcomes.length !== before.length) {
      throw new Error(`Step ${step.name} gave ${outcomes.length} outcomes for ${before.length} envelopes`);
    }
    this.ok = [];
    for (const [index, { source }] of before.entries()) this.sort(step.name, source, outcomes[index]);
    count(Metric.StepOk, this.ok.length, { stage: this.stage, step: step.name });
  }

  private sort(step: string, source: number, outcome: Outcome<unknown> | undefined): void {
    const { stage } = this;
    switch (outcome?.kind) {
      case 'ok':
        this.ok.push({ source, value: outcome.value });
        break;
      case 'drop':
        this.dropped.push({ source, reason: outcome.reason });
        count(Metric.StepDropped, 1, { stage, step, reason: outcome.reason });
        break;
      case 'deadLetter':
        this.deadLettered.push({ source, reason: outcome.reason, error: outcome.error });
        count(Metric.StepDeadLettered, 1, { stage, step, reason: outcome.reason });
        break;
      case 'redirect':
        this.redirected.push({ source, output: outcome.output, value: outcome.value });
        count(Metric.StepRedirected, 1, { stage, step, output: outcome.output });
        break;
      case undefined:
        throw new Error(`Step ${step} gave no outcome for envelope ${source}`);
    }
  }
}
