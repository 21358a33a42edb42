// farewell.json: whether the tyr before this one ended in order. One that was killed, or whose machine lost its power, has not.
import { messageOf } from '@norn/base';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { writeFileAtomically } from './write-file.ts';

const schema = z.object({
  running: z.boolean(),
  /** Starts after an end that was not in order, since the host was enrolled. */
  uncleanStarts: z.int().nonnegative(),
});

type State = z.output<typeof schema>;

export class Farewell {
  private readonly file: string;
  private state: State = { running: false, uncleanStarts: 0 };

  constructor(
    agentDir: string,
    private readonly logger: Logger,
  ) {
    this.file = join(agentDir, 'farewell.json');
  }

  get uncleanStarts(): number {
    return this.state.uncleanStarts;
  }

  begin(): void {
    const before = this.read();
    if (before.running)
      this.logger.warn({ code: 'tyr_ended_uncleanly' }, 'the tyr before this one ended without a word');
    this.write({ running: true, uncleanStarts: before.uncleanStarts + (before.running ? 1 : 0) });
  }

  end(): void {
    this.write({ ...this.state, running: false });
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
