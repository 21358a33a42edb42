// Which kernel facts a rule's category is about. A rule never sees rows of another kind.
import { event } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';
import type { Category } from './rule.ts';

const { EventKind } = event;
const O_ACCMODE = 0o3;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;

type Accepts = (batch: RuleBatch, row: number) => boolean;
const always: Accepts = () => true;
const succeeded: Accepts = (batch, row) => (batch.result[row] ?? 0) >= 0;
const written: Accepts = (batch, row) => ((batch.flags[row] ?? 0) & (O_ACCMODE | O_CREAT)) !== 0;
const emptied: Accepts = (batch, row) => ((batch.flags[row] ?? 0) & O_TRUNC) !== 0;

interface Route {
  readonly kind: event.EventKind;
  readonly category: Category;
  readonly accepts: Accepts;
}

const route = (kind: event.EventKind, category: Category, accepts = always): Route => ({ kind, category, accepts });

/** Sigma's categories in terms of event kinds; a row may belong to several. */
export const routes: readonly Route[] = [
  route(EventKind.EXEC, 'process_creation', succeeded),
  route(EventKind.FILE_OPEN, 'file_event', written),
  route(EventKind.FILE_RENAME, 'file_event'),
  route(EventKind.FILE_LINK, 'file_event'),
  route(EventKind.FILE_MKDIR, 'file_event'),
  route(EventKind.FILE_OPEN, 'file_change', emptied),
  route(EventKind.FILE_TRUNCATE, 'file_change'),
  route(EventKind.FILE_CHMOD, 'file_change'),
  route(EventKind.FILE_CHOWN, 'file_change'),
  route(EventKind.FILE_UNLINK, 'file_delete'),
  route(EventKind.FILE_RENAME, 'file_rename'),
  route(EventKind.NET_CONNECT, 'network_connection'),
  route(EventKind.NET_ACCEPT, 'network_connection'),
];
