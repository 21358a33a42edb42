// Which keys of its installation a host goes by: what it tells of them, and what it makes of what it is told.
import { create } from '@bufbuild/protobuf';
import { agent, event } from '@norn/contracts';
import { createHash, X509Certificate } from 'node:crypto';
import type { Identity } from './identity-file.ts';

/** Authorities that are trusted at once: one, and another while it takes its place. */
const authoritiesMax = 4;
const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

export function hostKeysOf({ commandKeys, certificatePem, authorityPem, expiresAtMs }: Identity): event.HostKeys {
  const trusted = certificatesIn(authorityPem);
  const own = new X509Certificate(certificatePem);
  const issuer = trusted.find((authority) => own.verify(authority.publicKey));
  return create(event.HostKeysSchema, {
    commandKeys: BigInt(commandKeys.number),
    issuer: issuer === undefined ? '' : fingerprintOf(issuer),
    authorities: trusted.map(fingerprintOf),
    certificateExpiresAtUs: BigInt(Math.round(expiresAtMs)) * 1000n,
  });
}

/** As the identity keeps them. Undefined for what is no list of authorities: then the ones before stay. */
export function authoritiesOf({ authorities }: agent.InstallationKeys): string | undefined {
  if (authorities.length === 0 || authorities.length > authoritiesMax) return undefined;
  try {
    return authorities.every((pem) => new X509Certificate(pem).ca) ? authorities.map(lines).join('') : undefined;
  } catch {
    return undefined; // No certificate.
  }
}

/** Whether the host's certificate is that authority's; also when the authority says nothing that can be read. */
export function isIssuedBy({ certificatePem }: Identity, authorityPem: string): boolean {
  const [authority] = certificatesIn(authorityPem);
  return authority === undefined || new X509Certificate(certificatePem).verify(authority.publicKey);
}

function lines(pem: string): string {
  return `${pem.trimEnd()}\n`;
}

function certificatesIn(pems: string): X509Certificate[] {
  return [...pems.matchAll(certificate)].map(([pem]) => new X509Certificate(pem));
}

function fingerprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('hex');
}
