// Whose hunt is next: a tenant runs a few at once, so that hunts leave connections to its pages; some more wait, and what is beyond is refused.
import { NornError } from '@norn/base';

export const turnLimits = { atOnce: 2, waiting: 8 } as const;

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}

export class HuntTurns {
  private readonly lines = new Map<string, Line>();

  /** Runs `work` when it is the tenant's turn. Throws `hunts_exhausted` when too many wait, and whatever `signal` was aborted with. */
  async take<Result>(tenantId: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const line = this.lines.get(tenantId) ?? { running: 0, waiting: [] };
    this.lines.set(tenantId, line);
    if (line.running >= turnLimits.atOnce) await queue(line);
    else line.running += 1;
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      this.pass(tenantId, line);
    }
  }

  /** The place of one that is done goes to the one that waits longest. */
  private pass(tenantId: string, line: Line): void {
    const next = line.waiting.shift();
    if (next) next();
    else line.running -= 1;
    if (line.running === 0) this.lines.delete(tenantId);
  }
}

function queue({ waiting }: Line): Promise<void> {
  if (waiting.length >= turnLimits.waiting) {
    const most = turnLimits.atOnce + turnLimits.waiting;
    throw new NornError('hunts_exhausted', `${most} hunts of your tenant run or wait: wait for one, then ask again`);
  }
  return new Promise((resolve) => waiting.push(resolve));
}
