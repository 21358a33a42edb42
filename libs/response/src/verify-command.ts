// Whether a signed command may run on this host now. What is checked, in this order, is what the agent answers for.
import { fromBinary } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { type ProofKeys, type ProofRefusal, proofRefusalOf } from './proof.ts';
import { isSignedByOne } from './signature.ts';

/** Largest serialised command; a command names subtrees and findings, it carries no content. */
export const commandBytesMax = 256 * 1024;

export type CommandRefusal =
  'bad_signature' | 'malformed' | 'wrong_tenant' | 'wrong_host' | 'expired' | 'replayed' | 'fenced' | ProofRefusal;

export interface CommandContext {
  /** SPKI PEM, Ed25519: each of them may sign. */
  readonly publicKeyPems: readonly string[];
  /** Whose word counts for what stands behind a command. */
  readonly proofKeys: ProofKeys;
  readonly tenantId: string;
  readonly hostId: string;
  /** Unix µs. */
  readonly nowUs: bigint;
  /** Ids that this agent has already accepted. */
  readonly seenIds: { has(id: string): boolean };
  /** Highest epoch accepted for an alert; a lower one was overtaken. None seen: undefined. */
  readonly highestEpoch?: (alertId: string) => bigint | undefined;
}

export type CommandVerdict =
  | { readonly ok: true; readonly command: action.Command }
  /** `command` is what the bytes say; trust it only as far as naming what was refused. */
  | { readonly ok: false; readonly code: CommandRefusal; readonly command: action.Command | undefined };

/** Pure: the same arguments give the same verdict. */
export function verifyCommand(signed: action.SignedCommand, context: CommandContext): CommandVerdict {
  const command = parse(signed.command);
  const isSmall = signed.command.byteLength <= commandBytesMax;
  if (!isSmall || !isSignedByOne(signed.command, signed.signature, context.publicKeyPems))
    return { ok: false, code: 'bad_signature', command };
  if (command === undefined) return { ok: false, code: 'malformed', command };
  const code = refusalOf(command, context) ?? proofRefusalOf(signed, command, context.proofKeys);
  return code === undefined ? { ok: true, command } : { ok: false, code, command };
}

function refusalOf(command: action.Command, context: CommandContext): CommandRefusal | undefined {
  if (!/^[0-9a-f]{32}$/.test(command.id) || command.action.case === undefined) return 'malformed';
  if (command.tenantId !== context.tenantId) return 'wrong_tenant';
  if (command.hostId !== context.hostId) return 'wrong_host';
  if (command.expiresAtUs <= context.nowUs) return 'expired';
  if (context.seenIds.has(command.id)) return 'replayed';
  const highest = context.highestEpoch?.(command.alertId);
  return highest !== undefined && command.epoch < highest ? 'fenced' : undefined;
}

function parse(bytes: Uint8Array): action.Command | undefined {
  if (bytes.byteLength === 0 || bytes.byteLength > commandBytesMax) return undefined;
  try {
    return fromBinary(action.CommandSchema, bytes);
  } catch {
    return undefined; // Not a command: the caller answers `malformed` or `bad_signature`.
  }
}
