// Record → batch: tenant and host from the key, the columns checked. What does not parse is dead-lettered with its code.
import { type BusRecord, ownerOf } from '@norn/bus';
import { type BatchView, openBatch } from '@norn/contracts';
import { type Outcome, opened } from '@norn/pipeline';
import type { HostBatch } from './envelope.ts';

export function createOpenBatch(): (record: BusRecord) => Outcome<HostBatch> {
  return function openHostBatch(record) {
    return opened(() => {
      const batch = openBatch(record.value);
      readWhole(batch);
      return { record, ...ownerOf(record.key), batch };
    });
  };
}

/** What is read later is read once here, so that a batch that does not parse fails here and nowhere else. */
function readWhole({ columns, findings, enrichment, lineage }: BatchView): unknown[] {
  return [
    columns,
    findings,
    enrichment,
    lineage?.ancestorPaths(0),
    lineage?.parentCommandLine(0),
    lineage?.ancestorUids(0),
    lineage?.ancestorPids(0),
  ];
}
