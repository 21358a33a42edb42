// Which processes have been described to ClickHouse already: a batch repeats the description of every process that has a row in it.
import { type BatchView, event } from '@norn/contracts';
import type { DescribedProcess } from '@norn/store';
import { Recent } from '../recent.ts';

/** Descriptions remembered; forgetting one costs a row. */
export const descriptionsMax = 400_000;

interface Description {
  /** What may change while the image stays: its hash, its container's name and pod, its user. */
  readonly signature: string;
  readonly imageTimeUs: number;
}

export class DescribedProcesses {
  private readonly known = new Recent<Description>(descriptionsMax);

  /** Entries of the process table that say something new. */
  *newIn(batch: BatchView): Generator<DescribedProcess> {
    const { processes } = batch.columns;
    const execs = execTimes(batch);
    const seenTimeUs = lastTimeUs(batch);
    const uids = Buffer.from(processes.uid.buffer, processes.uid.byteOffset, processes.uid.byteLength);
    for (let entry = 0; entry < processes.count; entry++) {
      const imageNumber = processes.imageNumber[entry] ?? 0;
      const name = `${uids.toString('latin1', entry * 16, entry * 16 + 16)}${imageNumber}`;
      const before = this.known.get(name);
      const imageTimeUs = execs.get(entry) ?? before?.imageTimeUs ?? 0;
      const signature = signatureOf(batch, entry);
      if (before?.signature === signature && before.imageTimeUs === imageTimeUs) continue;
      this.known.set(name, { signature, imageTimeUs });
      yield { entry, imageTimeUs, seenTimeUs };
    }
  }

  clear(): void {
    this.known.clear();
  }
}

function signatureOf({ columns, enrichment, lineage }: BatchView, entry: number): string {
  const { processes, images } = columns;
  const image = processes.image[entry] ?? 0;
  const hash = images.sha256[image * 32] ?? 0;
  const { name = '', podNamespace = '', podOwner = '' } = enrichment?.containers[processes.container[entry] ?? 0] ?? {};
  const complete = lineage?.incomplete(entry) === true ? 0 : 1;
  return `${hash},${processes.userId[entry] ?? 0},${complete},${name},${podNamespace},${podOwner}`;
}

/** When the image of an entry started, for those whose exec is in the batch; a process's own start is that of image 0. */
function execTimes({ columns, baseTimeUs, eventCount }: BatchView): Map<number, number> {
  const times = new Map<number, number>();
  const { kind, process, result, timeOffsetUs } = columns;
  for (let row = 0; row < eventCount; row++) {
    const isStart = kind[row] === event.EventKind.FORK || (kind[row] === event.EventKind.EXEC && result[row] === 0);
    if (isStart) times.set(process[row] ?? 0, baseTimeUs + (timeOffsetUs[row] ?? 0));
  }
  return times;
}

function lastTimeUs({ columns, baseTimeUs }: BatchView): number {
  let last = 0;
  for (const offset of columns.timeOffsetUs) if (offset > last) last = offset;
  return baseTimeUs + last;
}
