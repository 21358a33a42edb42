// How hosts come from one command key to the next: the keys that count are a numbered list, and each list is signed by a key of the one before. Who
// has taken the wire, or ingest, can hand out none; who sends an old list again changes nothing.
import { createPublicKey, sign } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { agent } from '@norn/contracts';
import { isSigned } from './signature.ts';

/** Keys that count at once: one, and another while it takes its place. */
export const commandKeysMax = 4;
const listBytesMax = 4 * 1024;
const context = 'norn.command-keys.v1\n';

export interface HeldCommandKeys {
  readonly number: number;
  /** SPKI PEM, Ed25519; the newest last. */
  readonly keys: readonly string[];
}

export interface TakenCommandKeys {
  /** As before when none was taken. */
  readonly held: HeldCommandKeys;
  /** A list that no key of the one before it has signed, or that is none; what follows it is not looked at. */
  readonly refused: boolean;
}

/** `privateKeyPem`: PKCS#8, of a key of the list before. */
export function signCommandKeys({ number, keys }: HeldCommandKeys, privateKeyPem: string): agent.SignedCommandKeys {
  const list = create(agent.CommandKeysSchema, { number: BigInt(number), keys: [...keys] });
  const bytes = toBinary(agent.CommandKeysSchema, list);
  const signature = new Uint8Array(sign(null, claimOf(bytes), privateKeyPem));
  return create(agent.SignedCommandKeysSchema, { commandKeys: bytes, signature });
}

/** What a host holds once it was sent these lists, oldest first. Pure. */
export function takeCommandKeys(before: HeldCommandKeys, lists: readonly agent.SignedCommandKeys[]): TakenCommandKeys {
  let held = before;
  for (const { commandKeys, signature } of lists) {
    const list = readCommandKeys(commandKeys);
    if (list === undefined) return { held, refused: true };
    // It has that one already, or a later one.
    if (list.number <= held.number) continue;
    if (!held.keys.some((key) => isSigned(claimOf(commandKeys), signature, key))) return { held, refused: true };
    held = list;
  }
  return { held, refused: false };
}

/** Undefined for what is no list of usable keys. */
export function readCommandKeys(bytes: Uint8Array): HeldCommandKeys | undefined {
  if (bytes.byteLength > listBytesMax) return undefined;
  try {
    const { number, keys } = fromBinary(agent.CommandKeysSchema, bytes);
    const isUsable = keys.length > 0 && keys.length <= commandKeysMax && keys.every(isEd25519);
    return isUsable && number <= BigInt(Number.MAX_SAFE_INTEGER) ? { number: Number(number), keys } : undefined;
  } catch {
    return undefined; // No list: the caller refuses it.
  }
}

/** Throws for what is no key at all. */
function isEd25519(pem: string): boolean {
  return createPublicKey(pem).asymmetricKeyType === 'ed25519';
}

function claimOf(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(context), bytes]);
}
