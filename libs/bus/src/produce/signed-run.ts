// The signature of records: over a run of them that one request carries, so that its cost is shared while much is sent at once.
//
// Each record of a run has, in one header, the key's id, an Ed25519 signature over the digests of all of the run, which of them is its own,
// and the digests. A digest is of topic, key and value: a record says the same under no other topic, tenant or host.
import { createHash, sign, verify, type KeyObject } from 'node:crypto';
import { type TopicName, topics } from '../flow.ts';

export const signatureHeader = 'norn-signature';

/** Records of one run: their digests travel with each of them. */
export const runRecordsMax = 32;

const digestBytes = 32;
const signatureBytes = 64;
const runContext = Buffer.from('norn.run.v1\n');

export interface SignedContent {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface RunSignature {
  readonly keyId: string;
  /** The same for every record of the run, and for no other run. */
  readonly run: string;
  readonly signature: Buffer;
  /** Which of the digests is the record's own. */
  readonly index: number;
  readonly digests: Buffer;
}

/** Values of the header, one a record, in their order. At most `runRecordsMax` of them. */
export function signRun(
  topic: TopicName,
  run: readonly SignedContent[],
  { keyId, key }: { readonly keyId: string; readonly key: KeyObject },
): string[] {
  const digests = Buffer.concat(run.map((record) => digestOf(topic, record)));
  const signature = sign(null, Buffer.concat([runContext, digests]), key).toString('base64url');
  const encoded = digests.toString('base64url');
  return run.map((_, index) => [keyId, signature, index, encoded].join('.'));
}

/** Undefined when it is no such header. */
export function parseSignature(header: string): RunSignature | undefined {
  const [keyId = '', signatureText = '', indexText = '', digestsText = '', ...more] = header.split('.');
  const signature = Buffer.from(signatureText, 'base64url');
  const digests = Buffer.from(digestsText, 'base64url');
  const records = digests.length / digestBytes;
  const index = /^\d{1,2}$/.test(indexText) ? Number(indexText) : NaN;
  const isWhole = Number.isInteger(records) && records <= runRecordsMax && index < records && more.length === 0;
  const run = `${keyId}.${signatureText}.${digestsText}`;
  return isWhole && signature.length === signatureBytes ? { keyId, run, signature, index, digests } : undefined;
}

/** Whether this record is the one that the run has at its index. */
export function isInRun(topic: TopicName, record: SignedContent, { index, digests }: RunSignature): boolean {
  const own = digests.subarray(index * digestBytes, (index + 1) * digestBytes);
  return own.equals(digestOf(topic, record));
}

/** Whether the key signed the run. */
export function isRunSigned({ signature, digests }: RunSignature, publicKey: KeyObject): boolean {
  return verify(null, Buffer.concat([runContext, digests]), publicKey, signature);
}

/** JSON has no line end of its own: where the names end and the value begins is never in doubt. */
function digestOf(topic: TopicName, { key, value }: SignedContent): Buffer {
  const names = JSON.stringify(['norn.record.v1', topics[topic], key]);
  return createHash('sha256').update(`${names}\n`).update(value).digest();
}
