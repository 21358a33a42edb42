// Which kernel facts a rule's category is about. A rule never sees rows of another kind.
import { event } from '@norn/contracts';
import type { Route } from '../engine/field.ts';
import type { RuleBatch } from './batch.ts';

const { EventKind } = event;
const O_ACCMODE = 0o3;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;

export const categories = [
  'process_creation',
  'file_access',
  'file_event',
  'file_change',
  'file_delete',
  'file_rename',
  'network_connection',
  'process_access',
  'driver_load',
  'mount',
  'namespace',
  'bpf_call',
] as const;
export type Category = (typeof categories)[number];

/** Rows of one kind that a log source sees: all of them, those with one of some flags, or those of calls that succeeded. */
export interface KindOfRows {
  /** norn.event.v1.EventKind. */
  readonly kind: number;
  readonly stream: string;
  readonly anyFlag?: number;
  readonly succeeded?: true;
}

const rows = (kind: event.EventKind, stream: Category, only: Omit<KindOfRows, 'kind' | 'stream'> = {}): KindOfRows => ({
  kind,
  stream,
  ...only,
});

/** Sigma's categories in terms of event kinds; a row may belong to several. */
export const categoryRows: readonly KindOfRows[] = [
  rows(EventKind.EXEC, 'process_creation', { succeeded: true }),
  rows(EventKind.FILE_READ, 'file_access'),
  rows(EventKind.FILE_OPEN, 'file_event', { anyFlag: O_ACCMODE | O_CREAT }),
  rows(EventKind.FILE_RENAME, 'file_event'),
  rows(EventKind.FILE_LINK, 'file_event'),
  rows(EventKind.FILE_MKDIR, 'file_event'),
  rows(EventKind.FILE_OPEN, 'file_change', { anyFlag: O_TRUNC }),
  rows(EventKind.FILE_TRUNCATE, 'file_change'),
  rows(EventKind.FILE_CHMOD, 'file_change'),
  rows(EventKind.FILE_CHOWN, 'file_change'),
  rows(EventKind.FILE_TIMES, 'file_change'),
  rows(EventKind.FILE_FLAGS, 'file_change'),
  rows(EventKind.FILE_CAPABILITIES, 'file_change'),
  rows(EventKind.FILE_UNLINK, 'file_delete'),
  rows(EventKind.FILE_RENAME, 'file_rename'),
  rows(EventKind.NET_CONNECT, 'network_connection'),
  rows(EventKind.NET_ACCEPT, 'network_connection'),
  rows(EventKind.PTRACE, 'process_access'),
  rows(EventKind.PROCESS_WRITE, 'process_access'),
  // Who is refused has tried.
  rows(EventKind.MODULE_LOAD, 'driver_load'),
  rows(EventKind.MOUNT, 'mount'),
  rows(EventKind.SETNS, 'namespace'),
  rows(EventKind.UNSHARE, 'namespace'),
  rows(EventKind.BPF, 'bpf_call'),
];

/** Every kind that some category is about, once. */
export function anyRows(stream: string): KindOfRows[] {
  return [...new Set(categoryRows.map(({ kind }) => kind))].map((kind) => ({ kind, stream, succeeded: true }));
}

/** The way of those rows through the engine. */
export function routeOf(rows: KindOfRows): Route<RuleBatch> {
  return { kind: rows.kind, stream: rows.stream, accepts: acceptsOf(rows) };
}

function acceptsOf({ anyFlag, succeeded }: KindOfRows): Route<RuleBatch>['accepts'] {
  if (anyFlag !== undefined) return (batch, row) => ((batch.flags[row] ?? 0) & anyFlag) !== 0;
  return succeeded ? (batch, row) => (batch.result[row] ?? 0) >= 0 : () => true;
}
