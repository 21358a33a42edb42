// Issuing a command: the row, its place in the outbox, the alert's state and the audit entry, in the caller's transaction.
import { type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import { fromHex } from '@norn/base';
import { action } from '@norn/contracts';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import { databaseTimeUs } from './database-time.ts';
import type { AlertHandling } from './entities/handling.ts';

export interface CommandIssuer {
  /** Puts down who asked (`signForPerson` of libs/response). Absent for a policy's: its findings are in the command. */
  readonly prove?: (unsigned: action.SignedCommand) => action.SignedCommand;
  /** How long a host may take to start it; the setting commandTtlMs. */
  readonly commandTtlMs: number;
}

export interface CommandOrder {
  /** Its name, as the table of actions has it (libs/response/src/commands). */
  readonly action: string;
  /** What it is to the host. */
  readonly act: Exclude<MessageInitShape<typeof action.CommandSchema>['action'], undefined>;
  /** "policy" or a user's name. */
  readonly requestedBy: string;
  /** 32 hex each. */
  readonly scopeUids: readonly string[];
  readonly findingIds: readonly string[];
  /** Of a policy's: those it answers, as detection has signed for them. */
  readonly findings?: readonly action.ProvenFinding[];
  /** Of an undo: the id of the restore to be undone. */
  readonly undoes?: string;
  /** Of a decision about conflicts: the files it is about, as the alert shows them; none: all. */
  readonly paths?: readonly string[];
  /** W3C trace context of what asks for it; empty: the alert's. */
  readonly traceparent: string;
}

/** What a command takes from its alert, whose row the caller has locked. */
export type LockedAlert = Pick<
  AlertHandling,
  'id' | 'tenantId' | 'hostId' | 'containerId' | 'epoch' | 'state' | 'traceparent'
>;

/** The topic of libs/bus that commands go to; the outbox names topics as the flow does. */
export const COMMANDS_TOPIC = 'commands';
/** A host that is connected confirms well within it. */
const FIRST_RETRY_MS = 1_000;

/**
 * Issues one command for an alert whose row the caller has locked. The id follows from the alert, the epoch and the order, so the same decision
 * in a repeated transaction is the same command. Returns the id.
 */
export async function issueCommand(
  manager: EntityManager,
  issuer: CommandIssuer,
  handling: LockedAlert,
  order: CommandOrder,
): Promise<string> {
  const epoch = BigInt(handling.epoch) + 1n;
  const command = await describe(manager, issuer, { handling, order, epoch });
  const traceparent = order.traceparent || handling.traceparent;
  const signed = Buffer.from(toBinary(action.SignedCommandSchema, withProof(command, traceparent, issuer)));
  await insertCommand(manager, { command, order, signed, traceparent });
  handling.epoch = String(epoch);
  handling.state = 'responding';
  await audit(manager, {
    tenantId: handling.tenantId,
    actor: order.requestedBy,
    action: 'command.requested',
    subject: command.id,
    details: {
      alertId: handling.id,
      hostId: handling.hostId,
      action: order.action,
      epoch: String(epoch),
      ...scopesOf(order),
    },
  });
  return command.id;
}

/** Without the installation's signature: remediation alone has the key, and signs what it sends. */
function withProof(command: action.Command, traceparent: string, { prove }: CommandIssuer): action.SignedCommand {
  const bytes = toBinary(action.CommandSchema, command);
  const unsigned = create(action.SignedCommandSchema, { command: bytes, traceparent });
  return prove === undefined ? unsigned : prove(unsigned);
}

function scopesOf({ scopeUids, findingIds, paths = [] }: CommandOrder): object {
  return { scopeUids, findingIds, ...(paths.length > 0 ? { paths } : {}) };
}

async function describe(
  manager: EntityManager,
  issuer: CommandIssuer,
  { handling, order, epoch }: { handling: LockedAlert; order: CommandOrder; epoch: bigint },
): Promise<action.Command> {
  const issuedAtUs = await databaseTimeUs(manager);
  return create(action.CommandSchema, {
    id: commandId(handling, order, epoch),
    tenantId: handling.tenantId,
    hostId: handling.hostId,
    alertId: handling.id,
    issuedAtUs,
    expiresAtUs: issuedAtUs + BigInt(issuer.commandTtlMs) * 1000n,
    epoch,
    requestedBy: order.requestedBy,
    scopeUids: order.scopeUids.map(fromHex),
    findingIds: [...order.findingIds],
    findings: [...(order.findings ?? [])],
    containerId: handling.containerId,
    action: order.act,
  });
}

/** First 16 bytes of SHA-256, hex. */
function commandId(handling: LockedAlert, order: CommandOrder, epoch: bigint): string {
  const parts = ['command', handling.tenantId, handling.id, String(epoch), order.action, order.requestedBy];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

interface IssuedCommand {
  readonly command: action.Command;
  readonly order: CommandOrder;
  readonly signed: Buffer;
  readonly traceparent: string;
}

/**
 * The command, the alert's state and the outbox, by SQL in one statement: each more is another way to the database, and a person's files wait. What the
 * host has not confirmed goes before the new command: it refuses a lower epoch after a higher one, and runs no id twice.
 */
async function insertCommand(
  manager: EntityManager,
  { command, order, signed, traceparent }: IssuedCommand,
): Promise<void> {
  await manager.query(
    `WITH issued AS (
       INSERT INTO commands (id, tenant_id, host_id, alert_id, action, state, requested_by, epoch, scope_uids, finding_ids, attempts, signed, expires_at, retry_at, traceparent, undoes)
       VALUES ($1, $2, $3, $4, $5, 'requested', $6, $7, $8, $9, 1, $10, to_timestamp($11::numeric / 1000000), now() + $12 * interval '1 millisecond', $13, $15)
     ), responding AS (
       UPDATE alert_handlings SET epoch = $7, state = 'responding', updated_at = now() WHERE id = $4
     ), due (epoch, body, traceparent) AS (
       SELECT epoch, signed, traceparent FROM commands WHERE alert_id = $4 AND state = 'dispatched' AND expires_at > now()
       UNION ALL SELECT $7, $10, $13
     )
     INSERT INTO outbox (topic, key, body, traceparent)
     SELECT $14, $2 || ':' || $3, body, traceparent FROM due ORDER BY epoch`,
    [
      command.id,
      command.tenantId,
      command.hostId,
      command.alertId,
      order.action,
      order.requestedBy,
      String(command.epoch),
      order.scopeUids,
      order.findingIds,
      signed,
      String(command.expiresAtUs),
      FIRST_RETRY_MS,
      traceparent,
      COMMANDS_TOPIC,
      order.undoes ?? '',
    ],
  );
}
