// Writes into the log that a host is missing, for nobody else would: what is not there sends nothing. What follows from it follows from the log.
import { create, toBinary } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { occurrence } from '@norn/contracts';
import type { RunsBeside } from '@norn/stage';
import { createLogger } from '@norn/telemetry';
import { limits } from '../limits.ts';
import type { HostTrouble, HostTroubles } from '../ports/host-troubles.port.ts';
import type { Outputs } from '../ports/outputs.port.ts';

const { HostTrouble_Kind: Kind, HostTroubleSchema, TenantRecordSchema } = occurrence;

const kinds = {
  silent: Kind.SILENT,
  stopped: Kind.STOPPED,
  unprotected: Kind.UNPROTECTED,
  ended: Kind.ENDED,
  replaced: Kind.REPLACED,
  refused: Kind.STOP_REFUSED,
} as const;

export interface HostWatchParts {
  /** Undefined: there is no control plane to ask. */
  readonly troubles: HostTroubles | undefined;
  readonly outputs: Outputs;
  readonly nowMs: () => number;
}

/** Each instance of the stage looks; who looks second finds what was told, and at worst tells the same finding again. */
export class HostWatch implements RunsBeside {
  private readonly log = createLogger('detection');
  private timer: NodeJS.Timeout | undefined;
  private turn: Promise<void> | undefined;
  private away = false;

  constructor(private readonly parts: HostWatchParts) {}

  start(): void {
    if (this.parts.troubles === undefined) return;
    this.timer = setInterval(() => {
      this.turn ??= this.lookOrTell();
    }, limits.watch.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.turn;
  }

  async look(): Promise<void> {
    const { troubles, outputs } = this.parts;
    const found = (await troubles?.find()) ?? [];
    if (found.length === 0) return;
    await outputs.send(
      'occurrences',
      found.map((each) => this.record(each)),
    );
    await troubles?.told(found);
  }

  private record({ tenantId, hostId, hostName, kind, since }: HostTrouble) {
    const value = create(HostTroubleSchema, { hostId, hostName, kind: kinds[kind], sinceUs: microsecondsOf(since) });
    const sentUs = BigInt(this.parts.nowMs()) * 1000n;
    const told = create(TenantRecordSchema, { sentUs, what: { case: 'trouble', value } });
    return { key: tenantId, value: toBinary(TenantRecordSchema, told), headers: {} };
  }

  private async lookOrTell(): Promise<void> {
    try {
      await this.look();
      this.away = false;
    } catch (error) {
      if (!this.away) this.log.warn({ code: 'host_watch_away' }, `Nobody misses hosts now: ${messageOf(error)}`);
      this.away = true;
    } finally {
      this.turn = undefined;
    }
  }
}

/** Of ISO 8601 in UTC with six digits of the second. */
function microsecondsOf(since: string): bigint {
  return BigInt(Date.parse(`${since.slice(0, 19)}Z`)) * 1000n + BigInt(since.slice(20, 26));
}
