// Files of an attack: what became of each.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import type { ChangedRow, ConnectionRow } from '../model/attack/attack.queries.ts';
import { baseName, timeOf } from '../model/words.ts';
import type { FileRow } from './alerts.queries.ts';

type Processes = ReadonlyMap<string, view.ProcessView>;

export function fileView(row: FileRow, processes: Processes): view.FileView {
  const process = processes.get(row.uid);
  return create(view.FileViewSchema, {
    path: row.path,
    containerId: row.containerId,
    verdict: row.lastVerdict,
    reason: row.lastReason,
    change: row.lastChange,
    size: Number(row.lastSize),
    sha256Before: row.sha256Before,
    sha256After: row.sha256After,
    mode: row.lastMode,
    userId: row.userId,
    groupId: row.groupId,
    modifiedAt: timeOf(Number(row.modifiedUs)),
    changedAt: timeOf(Number(row.changedUs)),
    processUid: /^0*$/.test(row.uid) ? '' : row.uid,
    processName: baseName(process?.images.at(-1)?.path ?? ''),
    pid: process?.pid ?? 0,
    decidedAt: timeOf(Number(row.decidedUs)),
    quarantinedAs: row.quarantinedAs,
  });
}

/** A changed file that no response has decided about. */
export function changedFileView(row: ChangedRow): view.FileView {
  const change =
    Number(row.unlinked) > 0
      ? 'unlinked'
      : Number(row.renamed) > 0
        ? 'renamed'
        : Number(row.created) > 0
          ? 'created'
          : 'in-place';
  return create(view.FileViewSchema, {
    path: row.path,
    containerId: row.containerId,
    verdict: 'changed',
    change,
    changedAt: timeOf(Number(row.us)),
    processUid: row.uid,
    processName: baseName(row.imagePath),
    pid: row.lastPid,
  });
}

const directions: Readonly<Record<number, string>> = { 20: 'connect', 21: 'accept', 22: 'listen', 36: 'stdio' };

/** The event's value holds remote port << 16 | local port; for a listener the local port alone. */
export function connectionView(row: ConnectionRow): view.ConnectionView {
  const value = Number(row.value);
  const listens = row.kind === 22;
  return create(view.ConnectionViewSchema, {
    time: timeOf(Number(row.us)),
    processUid: row.uid,
    direction: directions[row.kind] ?? 'connect',
    address: row.address,
    port: listens ? value & 0xffff : Math.floor(value / 65_536) & 0xffff,
    localPort: value & 0xffff,
    processName: baseName(row.imagePath),
    pid: row.pid,
    containerId: row.containerId,
  });
}
