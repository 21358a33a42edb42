// Whose hunt is next: a tenant runs a few at once, so that hunts leave connections to its pages; some more wait, and what is beyond is refused.
import { NornError } from '@norn/base';
import PQueue from 'p-queue';

export const turnLimits = { atOnce: 2, waiting: 8 } as const;

export class HuntTurns {
  private readonly lines = new Map<string, PQueue>();

  /** Runs `work` when it is the tenant's turn. Throws `hunts_exhausted` when too many wait, and whatever `signal` was aborted with. */
  async take<Result>(tenantId: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const line = this.lines.get(tenantId) ?? new PQueue({ concurrency: turnLimits.atOnce });
    if (line.size >= turnLimits.waiting) throw exhausted();
    this.lines.set(tenantId, line);
    try {
      return await line.add(() => {
        signal?.throwIfAborted();
        return work();
      });
    } finally {
      if (line.size + line.pending === 0) this.lines.delete(tenantId);
    }
  }
}

function exhausted(): NornError {
  const most = turnLimits.atOnce + turnLimits.waiting;
  return new NornError('hunts_exhausted', `${most} hunts of your tenant run or wait: wait for one, then ask again`);
}
