// The keys that ingest goes by, as they are now.
import type { InstallationKeys } from '@norn/config';
import type { Authority } from '../enrolment/authority.ts';

export interface IngestSecrets {
  /** The first key issues; another stands behind it while one takes the other's place. */
  readonly authorityKeyPem: string;
  /** Of all whose certificates let a host in. */
  readonly authorityCertPem: string;
  readonly serverKeyPem: string;
  /** With what proves it to who trusts an earlier authority. */
  readonly serverCertPem: string;
  /** SPKI PEM of the key that signs commands. */
  readonly commandPublicKeyPem: string;
  readonly keys: InstallationKeys;
}

export interface KeysNow {
  readonly secrets: IngestSecrets;
  readonly authority: Authority;
}

export interface IngestKeys {
  readonly current: KeysNow;
  /** Looks for others; whether there are. */
  refresh(): boolean;
}
