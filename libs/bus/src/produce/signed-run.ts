// The signature of records: over a run of them that one request carries, so that its cost is shared while much is sent at once.
//
// The digests of a run are the leaves of a hash tree (as RFC 6962 has one: a last node without a neighbour goes up as it is), whose root is signed
// with Ed25519. Each record has, in one header, the key's id, the signature, its place in the run, the run's length, and the nodes that lead from
// its own digest to the root. A digest is of topic, key and value: a record says the same under no other topic, tenant or host.
import { createHash, hash, sign, verify, type KeyObject } from 'node:crypto';
import { type TopicName, topics } from '../flow.ts';

export const signatureHeader = 'norn-signature';

/** Records of one run. */
export const runRecordsMax = 32;

const digestBytes = 32;
const signatureBytes = 64;
const runContext = Buffer.from('norn.run.v2\n');
/** What is hashed of a record begins with another byte. */
const nodePrefix = Buffer.of(1);
const placeText = /^(\d{1,2})-(\d{1,2})$/;

export interface SignedContent {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface RunSignature {
  readonly keyId: string;
  readonly signature: Buffer;
  /** Which record of the run it is. */
  readonly index: number;
  /** Records of the run. */
  readonly length: number;
  /** From the record's digest to the root, lowest first. */
  readonly path: Buffer;
}

/** Values of the header, one a record, in their order. At most `runRecordsMax` of them. */
export function signRun(
  topic: TopicName,
  run: readonly SignedContent[],
  { keyId, key }: { readonly keyId: string; readonly key: KeyObject },
): string[] {
  let level = run.map((record) => digestOf(topic, record));
  const levels = [level];
  while (level.length > 1) {
    level = above(level);
    levels.push(level);
  }
  const [root = Buffer.alloc(0)] = level;
  const signature = sign(null, claimOf(root, run.length), key).toString('base64url');
  return run.map((_, index) => {
    const path = levels.map((level, height) => level[(index >> height) ^ 1] ?? Buffer.alloc(0));
    const place = `${index}-${run.length}`;
    return [keyId, signature, place, Buffer.concat(path).toString('base64url')].join('.');
  });
}

/** Undefined when it is no such header. */
export function parseSignature(header: string): RunSignature | undefined {
  const [keyId = '', signatureText = '', placeOf = '', pathText = '', ...more] = header.split('.');
  const [, index = NaN, length = NaN] = placeText.exec(placeOf)?.map(Number) ?? [];
  const signature = Buffer.from(signatureText, 'base64url');
  const path = Buffer.from(pathText, 'base64url');
  const isInRun = index < length && length <= runRecordsMax && more.length === 0;
  if (!isInRun) return undefined;
  const isWhole = signature.length === signatureBytes && path.length === sidesOf(index, length).length * digestBytes;
  return isWhole ? { keyId, signature, index, length, path } : undefined;
}

/** What the run's signature must be of for this record to have its place in it. */
export function claimedBy(topic: TopicName, record: SignedContent, { index, length, path }: RunSignature): Buffer {
  let node = digestOf(topic, record);
  for (const [step, side] of sidesOf(index, length).entries()) {
    const beside = path.subarray(step * digestBytes, (step + 1) * digestBytes);
    node = side === 'left' ? nodeOf(node, beside) : nodeOf(beside, node);
  }
  return claimOf(node, length);
}

/** Whether the key signed the run. */
export function isRunSigned(claim: Buffer, { signature }: RunSignature, publicKey: KeyObject): boolean {
  return verify(null, claim, publicKey, signature);
}

function above(level: readonly Buffer[]): Buffer[] {
  const nodes: Buffer[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const [left, right] = [level[at], level[at + 1]] as [Buffer, Buffer | undefined];
    nodes.push(right === undefined ? left : nodeOf(left, right));
  }
  return nodes;
}

/** Which of two the record's node is, on each level on which it has a neighbour, lowest first. */
function sidesOf(index: number, length: number): ('left' | 'right')[] {
  const sides: ('left' | 'right')[] = [];
  for (let at = index, width = length; width > 1; at >>= 1, width = (width + 1) >> 1) {
    if ((at ^ 1) < width) sides.push(at % 2 === 0 ? 'left' : 'right');
  }
  return sides;
}

function nodeOf(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([nodePrefix, left, right]), 'buffer');
}

function claimOf(root: Buffer, length: number): Buffer {
  return Buffer.concat([runContext, Buffer.of(length), root]);
}

/** JSON has no line end of its own: where the names end and the value begins is never in doubt. */
function digestOf(topic: TopicName, { key, value }: SignedContent): Buffer {
  const names = JSON.stringify(['norn.record.v1', topics[topic], key]);
  return createHash('sha256').update(`${names}\n`).update(value).digest();
}
