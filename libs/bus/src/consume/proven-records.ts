// Of what stands on a topic, the records that a stage wrote which may, and that say whose they are: the others are counted, told of, and handed to nobody.
import { messageOf } from '@norn/base';
import { type Signer, type SignerKey, SignerRing } from '@norn/config';
import { Metric, count, createLogger } from '@norn/telemetry';
import type { StageBusConfig } from '../config.ts';
import { type TopicName, writers } from '../flow.ts';
import type { BusRecord } from '../record.ts';
import { namesAnother } from './body-owner.ts';
import { claimedBy, isRunSigned, parseSignature, type RunSignature } from '../produce/signed-run.ts';

/** Why a record is not taken. */
export type Unproven =
  | 'record_unsigned'
  | 'signature_malformed'
  | 'signer_unknown'
  | 'signer_foreign'
  | 'signature_wrong'
  /** Its body names another tenant or host than its key. */
  | 'sender_mismatch';

/** What a signature is of. */
export type SignedRecord = Pick<BusRecord, 'topic' | 'key' | 'value'> & { readonly signature?: string | undefined };

/** A kind of refusal is told of this often, ms; the counter has them all. */
const toldEveryMs = 60_000;
/** Runs whose signature is known to be right; the memory is emptied when full. */
const runsKept = 1_000;

/** Reads the signers' keys. Throws `secret_missing`, `signers_invalid`. */
export class ProvenRecords {
  private readonly logger = createLogger('bus');
  private readonly toldAt = new Map<string, number>();
  /** What each is of, by key and signature. */
  private readonly signedRuns = new Map<string, Buffer>();
  private readonly ring: SignerRing;

  constructor({ secretsDir }: StageBusConfig) {
    this.ring = new SignerRing(secretsDir, (error) => {
      this.logger.error({ code: 'signers_unread', err: error }, messageOf(error));
    });
  }

  /** In their order. */
  of(topic: TopicName, records: readonly BusRecord[]): readonly BusRecord[] {
    if (writers[topic].length === 0) return records;
    return records.filter((record) => {
      const reason = this.refusalOf(record);
      if (reason !== undefined) this.tell(record, reason);
      return reason === undefined;
    });
  }

  /** Why nobody may act on what it says; undefined when one of `signers` said it: by default a stage that may write to its topic. */
  refusalOf(record: SignedRecord, signers: readonly Signer[] = writers[record.topic]): Unproven | undefined {
    if (record.signature === undefined) return 'record_unsigned';
    const run = parseSignature(record.signature);
    if (run === undefined) return 'signature_malformed';
    const known = this.ring.find(run.keyId);
    if (known === undefined) return 'signer_unknown';
    if (!signers.includes(known.signer)) return 'signer_foreign';
    if (!this.isSigned(record, run, known)) return 'signature_wrong';
    return namesAnother(record) ? 'sender_mismatch' : undefined;
  }

  /** The records of a run come one after the other, each with the signature of all. */
  private isSigned(record: SignedRecord, run: RunSignature, { publicKey }: SignerKey): boolean {
    const claim = claimedBy(record.topic, record, run);
    const name = `${run.keyId}.${run.signature.toString('latin1')}`;
    if (this.signedRuns.get(name)?.equals(claim) === true) return true;
    if (!isRunSigned(claim, run, publicKey)) return false;
    if (this.signedRuns.size >= runsKept) this.signedRuns.clear();
    this.signedRuns.set(name, claim);
    return true;
  }

  private tell({ topic, partition, offset, key }: BusRecord, reason: Unproven): void {
    count(Metric.BusRecordsUnproven, 1, { topic, reason });
    const kind = `${topic} ${reason}`;
    const now = performance.now();
    if (now - (this.toldAt.get(kind) ?? -Infinity) < toldEveryMs) return;
    this.toldAt.set(kind, now);
    const where = { topic, partition, offset, key: key.slice(0, 128) };
    const why =
      reason === 'sender_mismatch'
        ? 'it names another tenant or host than its key'
        : 'no stage that may write it has signed it';
    const what = `A record is left where it is: ${why}`;
    this.logger.error({ code: reason, ...where }, `${what}; more of this kind are only counted for a minute`);
  }
}
