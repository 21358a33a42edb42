// Gathers a host's rows into batches of the agent's wire format and size.
import { BatchWriter, type Row, event } from '@norn/contracts';
import { uidFor } from './recorded-host.ts';

/** A serialised EventBatch of a host. */
export interface HostBatch {
  /** `tenant:host`. */
  readonly hostKey: string;
  readonly bytes: Uint8Array;
}

/** A batch ends with at most this many rows, with texts of about this many bytes, or after this much event time. */
const rowsMax = 400;
const textMax = 1024 * 1024;
const spanUsMax = 1_000_000;

export class BatchBuilder {
  private rows: Row[] = [];
  private textLength = 0;
  private batchSeq = 0;

  constructor(private readonly hostKey: string) {}

  /** The batch before, when the row begins a new one. */
  add(row: Row): HostBatch | undefined {
    const finished = this.isFull(row) ? this.finish() : undefined;
    this.rows.push(row);
    this.textLength += textOf(row);
    return finished;
  }

  /** What is gathered; `undefined` when nothing is. */
  finish(): HostBatch | undefined {
    const { rows, hostKey } = this;
    if (rows.length === 0) return undefined;
    this.rows = [];
    this.textLength = 0;
    this.batchSeq += 1;
    const baseTimeUs = rows.reduce((least, { timeUs }) => Math.min(least, timeUs), Infinity);
    const writer = new BatchWriter(baseTimeUs);
    for (const row of rows) writer.add(row);
    const streamId = uidFor(hostKey, 'stream');
    return { hostKey, bytes: writer.finish({ streamId, batchSeq: this.batchSeq, bootId: uidFor(hostKey, 'boot') }) };
  }

  private isFull({ timeUs }: Row): boolean {
    const [first] = this.rows;
    if (!first) return false;
    const isLong = Math.abs(timeUs - first.timeUs) > spanUsMax;
    return isLong || this.rows.length >= rowsMax || this.textLength >= textMax;
  }
}

function textOf({ path = '', target = '', process }: Row): number {
  return path.length + target.length + process.imagePath.length + (process.commandLine?.length ?? 0);
}

/** Events are known to be lost here. `place` as in the schema: 1 and 2 the agent's rings, 4 the spool, 0 not known. */
export function gapRow(gap: {
  hostKey: string;
  timeUs: number;
  lost: number;
  place: number;
  durationMs?: number;
}): Row {
  const { hostKey, timeUs, lost, place, durationMs = 0 } = gap;
  const agent = { uid: uidFor(hostKey, 'agent'), parentUid: new Uint8Array(16), pid: 0, startTimeUs: 0, imagePath: '' };
  return {
    kind: event.EventKind.GAP,
    timeUs,
    process: agent,
    flags: place,
    value: BigInt(lost),
    result: Math.round(durationMs),
  };
}
