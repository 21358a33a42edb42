// How what a host sent becomes records: key and headers are the same for every topic.
import type { OutgoingRecord } from '../ports/produce-records.ts';
import { limits } from '../limits.ts';
import { type Peer, keyOf } from './peer.ts';

export class HostRecords {
  private readonly key: string;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(
    peer: Peer,
    private readonly nowUs: () => number = () => Math.trunc((performance.timeOrigin + performance.now()) * 1000),
  ) {
    this.key = keyOf(peer);
    this.headers = { tenant: peer.tenantId, host: peer.hostId, schema: '1' };
  }

  of(value: Uint8Array, traceparent = ''): OutgoingRecord {
    const headers: Record<string, string> = { ...this.headers, received_at: String(this.nowUs()) };
    if (traceparent !== '') headers.traceparent = traceparent;
    return { key: this.key, value, headers };
  }

  /** The first bytes of what was refused, with why. */
  refused(value: Uint8Array, { code, reason }: { readonly code: string; readonly reason: string }): OutgoingRecord {
    const record = this.of(value.subarray(0, limits.deadLetterBytesMax));
    const origin = { stage: 'ingest', topic: '', offset: '', size: String(value.byteLength) };
    return { ...record, headers: { ...record.headers, ...origin, code, reason } };
  }
}
