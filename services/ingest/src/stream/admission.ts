// Whether a host may talk to this installation now: known, of the tenant its certificate names, not revoked, not expired.
import { News } from '@norn/base/news';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import type { HostRegistry, KnownHost } from '../ports/host-registry.ts';
import { type Peer, keyOf } from './peer.ts';

export type AdmissionRefusal = 'host_unknown' | 'certificate_revoked' | 'certificate_expired';

interface Remembered {
  readonly host: KnownHost | undefined;
  readonly atMs: number;
}

export class Admission {
  private readonly remembered = new Map<string, Remembered>();
  private readonly news: News;

  constructor(
    private readonly registry: HostRegistry,
    private readonly now: () => Date = () => new Date(),
  ) {
    this.news = new News(limits.auditEveryMs, limits.auditSubjectsMax, () => this.now().getTime());
  }

  /** Undefined: admitted. Rejects when the control plane can't be asked and nothing fresh is remembered. */
  async refusalOf(peer: Peer): Promise<AdmissionRefusal | undefined> {
    if (peer.expiresAt <= this.now()) return 'certificate_expired';
    const host = await this.find(peer);
    if (host === undefined) return 'host_unknown';
    return host.isRevoked ? 'certificate_revoked' : undefined;
  }

  /** As it was at most `admissionCacheMs` ago. */
  async find(peer: Peer): Promise<KnownHost | undefined> {
    const key = keyOf(peer);
    const nowMs = this.now().getTime();
    const known = this.remembered.get(key);
    if (known !== undefined && nowMs - known.atMs < limits.admissionCacheMs) return known.host;
    const host = await this.registry.find(peer.tenantId, peer.hostId);
    this.remembered.delete(key);
    // The one that was asked for longest ago is forgotten.
    if (this.remembered.size >= limits.admissionCacheHostsMax)
      this.remembered.delete(this.remembered.keys().next().value ?? '');
    this.remembered.set(key, { host, atMs: nowMs });
    return host;
  }

  /** Counts always, writes to the audit trail once a minute for the same host and code. Never rejects. */
  async auditRefusal(peer: Peer, code: AdmissionRefusal, onError: (error: unknown) => void): Promise<void> {
    count(Metric.IngestConnectionsRefused, 1, { code });
    if (!this.news.isNews(`${keyOf(peer)} ${code}`)) return;
    const details = { code, serial: peer.serial, issuedAt: peer.issuedAt.toISOString() };
    const fact = { tenantId: peer.tenantId, action: 'certificate.refused', subject: peer.hostId, details };
    await this.registry.audit(fact).catch(onError);
  }
}
