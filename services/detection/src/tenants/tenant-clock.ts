// Says in the log how far tenants' hosts have been heard: everything that was in the lineage topic at a moment has been judged. While the stage is behind
// nothing is said, and what was found waits.
import { create, toBinary } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { occurrence } from '@norn/contracts';
import type { RunsBeside } from '@norn/stage';
import { createLogger } from '@norn/telemetry';
import type { LineageProgress } from '../ports/lineage-progress.port.ts';
import type { Outputs } from '../ports/outputs.port.ts';
import type { TenantCorrelations } from './tenant-correlations.ts';

const INTERVAL_MS = 500;

export interface TenantClockParts {
  readonly correlations: Pick<TenantCorrelations, 'dueAt'>;
  readonly progress: LineageProgress;
  readonly outputs: Outputs;
  readonly nowMs: () => number;
}

/** A moment, and where the lineage topic ended at it. */
interface Mark {
  readonly atMs: number;
  readonly ends: ReadonlyMap<number, number>;
}

export class TenantClock implements RunsBeside {
  private readonly log = createLogger('detection');
  private mark: Mark | undefined;
  private timer: NodeJS.Timeout | undefined;
  private turn: Promise<void> = Promise.resolve();
  private away = false;

  constructor(private readonly parts: TenantClockParts) {}

  start(): void {
    this.timer = setInterval(() => {
      this.turn = this.turn.then(() => this.tickOrTell());
    }, INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.turn;
  }

  /** Asks nobody anything as long as nothing waits. */
  async tick(): Promise<void> {
    const { correlations, progress, outputs, nowMs } = this.parts;
    if (correlations.dueAt(nowMs()).length === 0) {
      this.mark = undefined;
      return;
    }
    const atMs = nowMs();
    this.mark ??= { atMs, ends: await progress.ends() };
    const { mark } = this;
    const read = await progress.read();
    const isHeard = [...mark.ends].every(([partition, end]) => (read.get(partition) ?? 0) >= end);
    if (!isHeard) return;
    this.mark = undefined;
    const due = correlations.dueAt(mark.atMs);
    if (due.length > 0)
      await outputs.send(
        'occurrences',
        due.map((tenantId) => this.record(tenantId, mark.atMs)),
      );
  }

  private record(tenantId: string, heardUntilMs: number) {
    const what = { case: 'heardUntilUs', value: BigInt(heardUntilMs) * 1000n } as const;
    const told = create(occurrence.TenantRecordSchema, { sentUs: BigInt(this.parts.nowMs()) * 1000n, what });
    return { key: tenantId, value: toBinary(occurrence.TenantRecordSchema, told), headers: {} };
  }

  private async tickOrTell(): Promise<void> {
    try {
      await this.tick();
      this.away = false;
    } catch (error) {
      if (!this.away)
        this.log.warn({ code: 'tenant_clock_waits' }, `Correlations over hosts wait: ${messageOf(error)}`);
      this.away = true;
    }
  }
}
