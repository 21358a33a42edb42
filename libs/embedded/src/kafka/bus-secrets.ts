// Who is who at the broker: an authority of its own, a certificate for the broker and one for each of its clients.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeSecret } from '@norn/config';
import type { TlsIdentity } from '../exposure.ts';
import { writeIssued } from '../secret-files.ts';

const broker = 'broker';
const authorityFile = 'bus.cert.pem';

export interface BusSecretsPlan {
  /** Clients, by the names that their rights are for: `ingest` shows a certificate of `norn-ingest`. */
  readonly identities: readonly string[];
  /** Where the broker is reached, besides loopback. */
  readonly names?: readonly string[];
}

/**
 * Makes `bus.cert.pem` and `bus-<identity>.{key,cert}.pem`, all of them anew when one is missing: the authority's key is not kept, so nobody
 * is let in later. Not the authority of the agents, each of which could write to Kafka.
 */
export async function makeBusSecrets(folder: string, { identities, names = [] }: BusSecretsPlan): Promise<void> {
  const all = [broker, ...identities];
  const files = [authorityFile, ...all.flatMap((one) => [`bus-${one}.key.pem`, `bus-${one}.cert.pem`])];
  if (files.every((name) => existsSync(join(folder, name)))) return;
  // Written last: without it the next start makes all of them again.
  rmSync(join(folder, authorityFile), { force: true });
  const { createAuthority } = await import('../certificates.ts');
  const authority = await createAuthority('Norn bus');
  for (const one of all) {
    const reached = one === broker ? ['localhost', '127.0.0.1', ...names] : [];
    // The broker is a client of its controller, and of itself.
    const purposes = one === broker ? (['server', 'client'] as const) : (['client'] as const);
    writeIssued(folder, `bus-${one}`, await authority.issue({ name: `norn-${one}`, names: reached, purposes }));
  }
  writeSecret(folder, authorityFile, authority.certificatePem);
}

/** Where the files of one of them are; default: the broker's. */
export function busIdentity(folder: string, identity = broker): TlsIdentity {
  return {
    keyFile: join(folder, `bus-${identity}.key.pem`),
    certificateFile: join(folder, `bus-${identity}.cert.pem`),
    authorityFile: join(folder, authorityFile),
  };
}
