// Baldur's batches on their way into the spool: each once, none too large, and what is durable is said back.
import { type BatchEnvelope, readBatchEnvelope } from '@norn/contracts';
import type { Logger } from 'pino';
import { limits } from '../limits.ts';
import { GapBatches } from './gap-batch.ts';
import type { Loss, Spool } from './spool.ts';

export interface IntakeOptions {
  /** What the installation takes. */
  readonly batchBytesMax: number;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

interface Pending {
  readonly position: number;
  readonly batchSeq: bigint;
}

export class Intake {
  private spool: Spool | undefined;
  private streamId = '';
  private lastSeq = 0n;
  private saidSeq = 0n;
  /** In the spool, not yet said to be durable; in order. */
  private pending: Pending[] = [];
  private readonly gaps = new GapBatches();
  private untold: Loss | undefined;
  private untoldSinceMs = 0;
  eventsLost = 0;

  constructor(private readonly options: IntakeOptions) {}

  /** What a tyr before this one spooled of the stream is not taken again. */
  attach(spool: Spool): Spool {
    this.spool = spool;
    const newest = newestBatch(spool);
    if (newest === undefined) return spool;
    this.streamId = hexOf(newest.streamId);
    this.lastSeq = BigInt(newest.batchSeq);
    return spool;
  }

  /** A baldur has said hello: a stream of its own, or the one we know. */
  stream(streamId: Uint8Array): void {
    const name = hexOf(streamId);
    this.saidSeq = 0n;
    if (name === this.streamId) return;
    this.streamId = name;
    this.lastSeq = 0n;
    this.pending = [];
  }

  batch(batch: Uint8Array, batchSeq: bigint): void {
    // Sent again after a reconnection: it is in the spool or further.
    if (batchSeq <= this.lastSeq) return;
    this.lastSeq = batchSeq;
    const reading = readBatchEnvelope(batch);
    const events = reading.ok ? reading.envelope.eventCount : 0;
    const precious = reading.ok && reading.envelope.findings > 0;
    if (reading.ok && batch.byteLength <= this.options.batchBytesMax) {
      const position = this.spool?.append({ kind: 'batch', bytes: batch, precious, events }) ?? 0;
      this.pending.push({ position, batchSeq });
      return;
    }
    const reason = reading.ok ? `${batch.byteLength} bytes` : reading.message;
    this.options.logger.error(
      { code: 'batch_unusable', batchSeq: String(batchSeq) },
      `baldur's batch is dropped: ${reason}`,
    );
    this.lost({ batches: 1, events, precious: precious ? 1 : 0 });
  }

  /** The newest batch that became durable since the last call; undefined when none did. */
  newlyDurable(through: number): bigint | undefined {
    let durable = 0;
    for (const { position } of this.pending) {
      if (position > through) break;
      durable++;
    }
    const newest = this.pending[durable - 1]?.batchSeq ?? (this.pending.length === 0 ? this.lastSeq : 0n);
    this.pending = durable === 0 ? this.pending : this.pending.slice(durable);
    if (newest <= this.saidSeq) return undefined;
    this.saidSeq = newest;
    return newest;
  }

  /** Counted at once, told as an event by `tellLosses`. */
  lost(loss: Loss): void {
    this.eventsLost += loss.events;
    if (this.untold === undefined) this.untoldSinceMs = this.options.nowMs();
    const { batches, events, precious } = this.untold ?? { batches: 0, events: 0, precious: 0 };
    this.untold = { batches: batches + loss.batches, events: events + loss.events, precious: precious + loss.precious };
  }

  /** One GAP event for all that was lost in the last second; whether there was one. */
  tellLosses(): boolean {
    const nowMs = this.options.nowMs();
    const durationMs = nowMs - this.untoldSinceMs;
    if (this.untold === undefined || (durationMs >= 0 && durationMs < limits.gapEveryMs)) return false;
    const loss = this.untold;
    this.untold = undefined;
    const reason = 'events are lost: the spool is full or a batch is unusable';
    this.options.logger.error({ code: 'spool_lost', ...loss }, reason);
    const bytes = this.gaps.next(loss, { nowUs: BigInt(nowMs) * 1000n, durationMs: Math.max(0, durationMs) });
    this.spool?.append({ kind: 'batch', bytes, precious: true, events: 0 });
    return true;
  }
}

/** Envelope of the last of baldur's batches in the spool; gaps are tyr's own. */
function newestBatch(spool: Spool): BatchEnvelope | undefined {
  const reading = [...spool.newestFirst()].find(({ kind, events }) => kind === 'batch' && events > 0);
  const read = reading === undefined ? undefined : readBatchEnvelope(reading.bytes);
  return read?.ok === true ? read.envelope : undefined;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
