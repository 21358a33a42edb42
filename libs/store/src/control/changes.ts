// Who listens on PostgreSQL's channel `norn_changes` hears of every change of alerts, commands and hosts (triggers send it).
import { NornError } from '@norn/base';
import type { EntityManager } from 'typeorm';

export const CHANGES_CHANNEL = 'norn_changes';
/** Fires when the outbox has something to send. */
export const OUTBOX_CHANNEL = 'norn_outbox';

export interface Change {
  readonly kind: 'alert' | 'command' | 'host';
  readonly tenantId: string;
  readonly id: string;
}

/** Tells of a change that no trigger sees; delivered when the transaction commits. SQL, for NOTIFY. */
export async function notifyChange(manager: EntityManager, change: Change): Promise<void> {
  await manager.query('SELECT pg_notify($1, $2)', [CHANGES_CHANNEL, JSON.stringify(change)]);
}

/** Reads a notice's payload. Throws `change_malformed` for what Norn did not write. */
export function parseChange(payload: string): Change {
  const value: unknown = JSON.parse(payload);
  if (!isChange(value)) throw new NornError('change_malformed', `Not a notice of change: ${payload.slice(0, 200)}`);
  return value;
}

function isChange(value: unknown): value is Change {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, tenantId, id } = value as Partial<Record<keyof Change, unknown>>;
  return ['alert', 'command', 'host'].includes(String(kind)) && typeof tenantId === 'string' && typeof id === 'string';
}
