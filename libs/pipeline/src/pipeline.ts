// Runs steps over a batch of envelopes (one Kafka record each, hundreds of events inside); never over single events.
import { Metric, count } from '@norn/telemetry';
import { timed } from './busy.ts';
import type { DeadLetter, Exit, Ok, Outcome, Redirect } from './outcome.ts';

/**
 * A named function: one outcome for each envelope, in the order of the envelopes. `leaving` is aborted when the records are to be given back: a step
 * that waits for something gives up, with the signal's reason.
 */
export type Step<In, Out, Exits extends Exit = DeadLetter> = Saying<In, Outcome<Out, Exits>>;

/** A step by the outcomes that it gives. */
type Saying<In, Said> = (envelopes: readonly In[], leaving: AbortSignal) => readonly Said[] | Promise<readonly Said[]>;

type OkOf<Said> = Said extends Ok<infer Value> ? Value : never;

/** What left the flow by an exit, with what was given to `run`. */
export interface Refused<In> {
  readonly source: In;
  readonly reason: string;
  readonly error: Error;
}

export interface Redirected<In, T> {
  readonly source: In;
  readonly value: T;
}

type Sink<T> = (left: readonly T[]) => void | Promise<void>;

/** What became of the envelopes. `source` is the position in what was given to `run`. */
export interface PipelineResult<Out> {
  readonly ok: readonly { readonly source: number; readonly value: Out }[];
  readonly dropped: readonly { readonly source: number; readonly reason: string }[];
  readonly deadLettered: readonly { readonly source: number; readonly reason: string; readonly error: Error }[];
}

/** `Exits` are those that do not lead anywhere yet. */
export interface Pipeline<In, Out, Exits extends Exit = never> {
  /** Never there: by it the types of flows differ as their open exits do. */
  readonly exits?: Exits;
  /** Adds a step; the flow reads top-down in run order. Effects are steps as well, the last ones. */
  pipe<Said extends Outcome<unknown, Exit>>(
    step: Saying<Out, Said>,
  ): Pipeline<In, OkOf<Said>, Exits | Extract<Said, Exit>>;
  /** Where those go that a step before redirects to this output. They are gone, and that is awaited, before the flow goes on. */
  redirect<Output extends OutputOf<Exits>>(
    output: Output,
    sink: Sink<Redirected<In, ValueOf<Exits, Output>>>,
  ): Pipeline<In, Out, Exclude<Exits, { readonly output: Output }>>;
  /** Where those go that a step before dead-letters, in the same way. */
  deadLetter(sink: Sink<Refused<In>>): Pipeline<In, Out, Exclude<Exits, DeadLetter>>;
  /** Throws only what a step or sink throws. A flow that loses what it redirects does not compile here; dead letters are in the result, too. */
  run(
    this: Pipeline<In, Out, DeadLetter>,
    envelopes: readonly In[],
    leaving?: AbortSignal,
  ): Promise<PipelineResult<Out>>;
}

type OutputOf<Exits> = Exits extends Redirect<infer Output, unknown> ? Output : never;
type ValueOf<Exits, Output> = Exits extends { readonly output: Output; readonly value: infer Value } ? Value : never;

/** Starts an empty pipeline of a stage. */
export function pipeline<In>(stage: string): Pipeline<In, In> {
  return extend<In, In, never>(stage, []);
}

/** Makes a step out of a function for one envelope; the step keeps the function's name. */
export function each<In, Said extends Outcome<unknown, Exit>>(one: (envelope: In) => Said): Saying<In, Said> {
  const step = (envelopes: readonly In[]): Said[] => envelopes.map(one);
  Object.defineProperty(step, 'name', { value: one.name });
  return step;
}

type AnyStep = Step<unknown, unknown, Exit>;
type Part =
  | { readonly step: AnyStep }
  | { readonly output: string; readonly sink: Sink<Redirected<unknown, unknown>> }
  | { readonly refused: Sink<Refused<unknown>> };

function extend<In, Out, Exits extends Exit>(stage: string, parts: readonly Part[]): Pipeline<In, Out, Exits> {
  return {
    pipe: (step) => extend(stage, [...parts, { step: step as AnyStep }]),
    redirect: (output, sink) => extend(stage, [...parts, { output, sink: sink as Sink<Redirected<unknown, unknown>> }]),
    deadLetter: (refused) => extend(stage, [...parts, { refused: refused as Sink<Refused<unknown>> }]),
    run: async (envelopes, leaving = neverLeaving) =>
      (await new Run(stage, envelopes, leaving).through(parts)) as PipelineResult<unknown> as PipelineResult<Out>,
  };
}

const neverLeaving = new AbortController().signal;

/** One batch on its way through the steps. */
class Run implements PipelineResult<unknown> {
  ok: { source: number; value: unknown }[];
  readonly dropped: { source: number; reason: string }[] = [];
  readonly deadLettered: { source: number; reason: string; error: Error }[] = [];
  private redirected: { source: number; output: string; value: unknown }[] = [];
  /** Of `deadLettered`, how many have gone where the flow says. */
  private refused = 0;

  constructor(
    private readonly stage: string,
    private readonly envelopes: readonly unknown[],
    private readonly leaving: AbortSignal,
  ) {
    this.ok = envelopes.map((value, source) => ({ source, value }));
  }

  async through(parts: readonly Part[]): Promise<this> {
    for (const part of parts) {
      if ('refused' in part) await this.refuse(part.refused);
      else if ('output' in part) await this.redirect(part.output, part.sink);
      else if (this.ok.length > 0) await this.apply(part.step);
    }
    return this;
  }

  private async apply(step: AnyStep): Promise<void> {
    const before = this.ok;
    const values = before.map(({ value }) => value);
    const outcomes = await timed({ stage: this.stage, step: step.name }, () => step(values, this.leaving));
    if (outcomes.length !== before.length) {
      throw new Error(`Step ${step.name} gave ${outcomes.length} outcomes for ${before.length} envelopes`);
    }
    this.ok = [];
    for (const [index, { source }] of before.entries()) this.sort(step.name, source, outcomes[index]);
    count(Metric.StepOk, this.ok.length, { stage: this.stage, step: step.name });
  }

  private async refuse(sink: Sink<Refused<unknown>>): Promise<void> {
    const left = this.deadLettered.slice(this.refused);
    if (left.length === 0) return;
    await sink(left.map(({ source, reason, error }) => ({ source: this.envelopes[source], reason, error })));
    this.refused = this.deadLettered.length;
  }

  private async redirect(output: string, sink: Sink<Redirected<unknown, unknown>>): Promise<void> {
    const left = this.redirected.filter((one) => one.output === output);
    if (left.length === 0) return;
    this.redirected = this.redirected.filter((one) => one.output !== output);
    await sink(left.map(({ source, value }) => ({ source: this.envelopes[source], value })));
  }

  private sort(step: string, source: number, outcome: Outcome<unknown, Exit> | undefined): void {
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
