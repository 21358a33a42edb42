// One part that is started again when it ends by itself, with growing pauses.
import { setTimeout as sleep } from 'node:timers/promises';
import { backOffMs, messageOf, NornError } from '@norn/base';
import { processIdentity, type Part } from '@norn/embedded';
import type { PartState } from '../installation/run-state.ts';

const restartWait = { firstMs: 200, mostMs: 15_000 } as const;
/** A part that ran for this long is healthy: the next pause is short again. */
const steadyAfterMs = 60_000;

export interface SupervisedOptions {
  readonly name: string;
  readonly start: () => Promise<Part>;
  /** Told of every start and end. */
  readonly onChange: (sentence: string) => void;
}

export class Supervised {
  private part: Part | undefined;
  private restarts = 0;
  private lastEnd = '';
  private failure = '';
  private stopping = false;
  private watching: Promise<void> | undefined;
  private readonly pause = new AbortController();

  constructor(private readonly options: SupervisedOptions) {}

  get state(): PartState {
    const process = this.part ? processIdentity(this.part.pid) : undefined;
    const failed = this.failure === '' ? {} : { failure: this.failure };
    return { name: this.options.name, process, restarts: this.restarts, lastEnd: this.lastEnd, ...failed };
  }

  /** Throws when the first start fails; later ones are tried for ever. */
  async start(): Promise<void> {
    const begun = performance.now();
    this.part = await this.options.start();
    const tookMs = Math.round(performance.now() - begun);
    this.options.onChange(`${this.options.name} runs (pid ${this.part.pid}, after ${tookMs} ms)`);
    this.watching = this.watch();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.pause.abort();
    await this.part?.stop();
    await this.watching;
  }

  private async watch(): Promise<void> {
    let failures = 0;
    while (this.part) {
      const startedAt = performance.now();
      const ending = await this.part.exited;
      this.part = undefined;
      if (this.stopping) return;
      if (performance.now() - startedAt > steadyAfterMs) failures = 0;
      this.lastEnd = `${new Date().toISOString()} ended with ${ending}`;
      this.options.onChange(
        `${this.options.name} ended with ${ending}; starting it again in ${backOffMs(failures, restartWait)} ms`,
      );
      failures = await this.startAgain(failures);
    }
  }

  private async stopIfAsked(): Promise<void> {
    if (this.stopping) await this.part?.stop();
  }

  /** Returns how often it has failed with this one. */
  private async startAgain(failuresBefore: number): Promise<number> {
    for (let failures = failuresBefore; ; failures += 1) {
      await sleep(backOffMs(failures, restartWait), undefined, { signal: this.pause.signal }).catch(() => undefined);
      if (this.stopping) return failures;
      try {
        this.part = await this.options.start();
        this.restarts += 1;
        this.failure = '';
        this.options.onChange(`${this.options.name} runs again (pid ${this.part.pid})`);
        // A stop that came while it started has not seen it.
        await this.stopIfAsked();
        return failures + 1;
      } catch (error) {
        const code = error instanceof NornError ? ` (${error.code})` : '';
        const [sentence = ''] = messageOf(error).split('\n');
        this.failure = `${sentence}${code}`;
        this.options.onChange(`${this.options.name} did not start${code}: ${messageOf(error)}`);
      }
    }
  }
}
