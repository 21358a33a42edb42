// farewell.json: whether the tyr before this one ended in order. One that was killed, or whose machine lost its power, has not.
// One that was stopped with the host's maintenance token leaves the proof of it here for the next, since the installation may not have been there to hear it.
// Who took a copy of the agent's folder while it ran can't say so: the name of a run is on disk only after it.
import { messageOf } from '@norn/base';
import { event } from '@norn/contracts';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { MaintenanceLock } from './maintenance-lock.ts';
import { writeFileAtomically } from './write-file.ts';

const schema = z.object({
  running: z.boolean(),
  /** Starts after an end that was not in order, since the host was enrolled. */
  uncleanStarts: z.int().nonnegative(),
  /** Hex; the last that the installation heard, while none runs. */
  lastRun: z.hex().optional(),
  /** Hex; the installation may not have heard of it. */
  tokenStop: z.object({ run: z.hex(), proof: z.hex() }).optional(),
});

type State = z.output<typeof schema>;

/** As facts have it: 16 bytes each, the second empty when the one before did not end in order. */
export interface Run {
  readonly runId: Uint8Array;
  readonly previousRunId: Uint8Array;
  readonly leaving: event.Leaving;
  /** Of who stopped it with the host's maintenance token. */
  readonly leavingProof: Uint8Array;
  /** How often somebody gave a wrong one. */
  readonly stopsRefused: bigint;
  /** Of the last run that the token has stopped, for as long as the installation has not answered. */
  readonly tokenStop?: { readonly runId: Uint8Array; readonly proof: Uint8Array };
}

export class Farewell {
  private readonly lock: MaintenanceLock;
  private readonly file: string;
  private readonly runId = randomBytes(16);
  private state: State = { running: false, uncleanStarts: 0 };
  private leaving = event.Leaving.UNSPECIFIED;
  private leavingProof: Uint8Array = new Uint8Array();
  private previousRun = '';
  /** The last that was heard. */
  private lastRun = '';

  constructor(
    agentDir: string,
    private readonly logger: Logger,
  ) {
    this.file = join(agentDir, 'farewell.json');
    this.lock = new MaintenanceLock(agentDir, logger);
  }

  get uncleanStarts(): number {
    return this.state.uncleanStarts;
  }

  get run(): Run {
    const { runId, leaving, leavingProof } = this;
    const { tokenStop } = this.state;
    const stop = tokenStop && { runId: Buffer.from(tokenStop.run, 'hex'), proof: Buffer.from(tokenStop.proof, 'hex') };
    const previousRunId = Buffer.from(this.previousRun, 'hex');
    const stopsRefused = BigInt(this.lock.refused);
    return { runId, previousRunId, leaving, leavingProof, stopsRefused, ...(stop && { tokenStop: stop }) };
  }

  /** The next facts are the last. */
  say(isToBeBack: boolean): void {
    this.leavingProof = this.lock.takeProof(this.runId);
    this.leaving = isToBeBack ? event.Leaving.SHUTDOWN : event.Leaving.STOPPED;
  }

  /** The installation knows this run from now on. */
  heard(): void {
    this.lastRun = this.runId.toString('hex');
  }

  /** By what the host's next token is known, which the installation says when it has heard what the facts say of a stop. */
  learn(digest: Uint8Array): void {
    // Of a run that goes it may not have heard everything: this may be the token that has just been used.
    if (this.leaving !== event.Leaving.UNSPECIFIED) return;
    this.lock.learn(digest);
    if (this.state.tokenStop !== undefined) this.write({ ...this.state, tokenStop: undefined });
  }

  /** The installation takes nothing from this host any more. */
  lift(): void {
    this.lock.lift();
  }

  begin(): void {
    const before = this.read();
    this.lock.stay();
    if (!before.running) this.previousRun = this.lastRun = before.lastRun ?? '';
    if (before.running)
      this.logger.warn({ code: 'tyr_ended_uncleanly' }, 'the tyr before this one ended without a word');
    const uncleanStarts = before.uncleanStarts + (before.running ? 1 : 0);
    this.write({ running: true, uncleanStarts, tokenStop: before.tokenStop });
  }

  end(): void {
    const tokenStop = this.state.tokenStop ?? this.ownTokenStop();
    this.write({ ...this.state, running: false, lastRun: this.lastRun, tokenStop });
  }

  private ownTokenStop(): State['tokenStop'] {
    if (this.leavingProof.byteLength === 0) return undefined;
    return { run: this.runId.toString('hex'), proof: Buffer.from(this.leavingProof).toString('hex') };
  }

  /** One that can't be read is as none: it says nothing of how the last one ended. */
  private read(): State {
    try {
      return schema.parse(JSON.parse(readFileSync(this.file, 'utf8')));
    } catch {
      return this.state;
    }
  }

  private write(state: State): void {
    this.state = state;
    try {
      writeFileAtomically(this.file, JSON.stringify(state));
    } catch (error) {
      this.logger.error({ code: 'farewell_not_kept', err: error }, messageOf(error));
    }
  }
}
