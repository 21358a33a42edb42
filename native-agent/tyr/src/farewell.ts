// farewell.json: whether the tyr before this one ended in order. One that was killed, or whose machine lost its power, has not.
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
});

type State = z.output<typeof schema>;

/** As facts have it: 16 bytes each, the second empty when the one before did not end in order. */
export interface Run {
  readonly runId: Uint8Array;
  readonly previousRunId: Uint8Array;
  readonly leaving: event.Leaving;
  /** Of who stopped it with the host's maintenance token. */
  readonly leavingProof: Uint8Array;
}

export class Farewell {
  readonly lock: MaintenanceLock;
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
    return { runId, previousRunId: Buffer.from(this.previousRun, 'hex'), leaving, leavingProof };
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

  begin(): void {
    const before = this.read();
    // Of a stop that came to nothing.
    this.lock.takeProof(this.runId);
    if (!before.running) this.previousRun = this.lastRun = before.lastRun ?? '';
    if (before.running)
      this.logger.warn({ code: 'tyr_ended_uncleanly' }, 'the tyr before this one ended without a word');
    this.write({ running: true, uncleanStarts: before.uncleanStarts + (before.running ? 1 : 0) });
  }

  end(): void {
    this.write({ ...this.state, running: false, lastRun: this.lastRun });
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
