// What the control plane knows of hosts, and what it is told about them.
import type { HeardHosts, TokenStop } from '@norn/store';

export type { HeardHosts, TokenStop };

export interface KnownHost {
  /** For good, whenever its certificate was issued: one that is issued while it is revoked would be a way out. */
  readonly isRevoked: boolean;
  /** It is the agent of one container, and may say which, and that it has ended. */
  readonly inside: boolean;
}

export interface EnrolledHost {
  readonly tenantId: string;
  readonly hostId: string;
}

export interface EnrolmentClaim {
  readonly joinToken: string;
  /** It is the agent of one container. */
  readonly inside: boolean;
  readonly machineId: string;
  readonly hostname: string;
}

/** A host that proved to have the key of a certificate it was issued. */
export interface ProvenHost extends EnrolledHost {
  /** As it calls itself now; undefined: as before. */
  readonly hostname?: string;
  /** What the trail has of it: "host.enrolled_again", "certificate.renewed". */
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditFact {
  readonly tenantId: string;
  /** "certificate.refused", "host.enrolled", …. */
  readonly action: string;
  readonly subject: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface HostRegistry {
  find(tenantId: string, hostId: string): Promise<KnownHost | undefined>;
  /**
   * Uses the token up and makes a new host, in one transaction with its audit entry; `issue` runs inside it, so a certificate that
   * can't be issued leaves the token unused. Undefined: the token is not valid.
   */
  enrol<T>(claim: EnrolmentClaim, issue: (host: EnrolledHost) => Promise<T>): Promise<T | undefined>;
  /**
   * The same host with another certificate, looked up and issued in one transaction with its audit entry: a revocation comes before or
   * after all of it. Throws `host_unknown`, `certificate_revoked`.
   */
  certifyAgain<T>(proven: ProvenHost, issue: (host: EnrolledHost) => Promise<T>): Promise<T>;
  /** Without it the agent of that host is not stopped unnoticed. Undefined: the host is not known any more. */
  maintenanceToken(host: EnrolledHost): Promise<string | undefined>;
  /** Its agent was stopped with its maintenance token, and nobody may have heard it: the token is good for nothing more. */
  redeemToldLater(host: EnrolledHost, stop: TokenStop): Promise<void>;
  saveFacts(host: EnrolledHost, facts: object, seenAt: Date): Promise<void>;
  /** That this instance listens, and whom it has heard. */
  writeHeard(heard: HeardHosts): Promise<void>;
  audit(fact: AuditFact): Promise<void>;
}
