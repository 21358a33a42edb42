// Who is at the other end, from the verified client certificate and from nothing else.
import { hostIdShape } from '@norn/contracts';
import type { PeerCertificate } from 'node:tls';
import type { AuthContext } from '@grpc/grpc-js/build/src/auth-context.js';

export interface Peer {
  readonly tenantId: string;
  readonly hostId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly serial: string;
}

export const tenantIdShape = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function peerOf({ sslPeerCertificate }: AuthContext): Peer | undefined {
  return sslPeerCertificate && peerIn(sslPeerCertificate);
}

/** Undefined when the certificate does not name exactly one tenant (O) and one host (CN). */
export function peerIn(
  certificate: Pick<PeerCertificate, 'subject' | 'valid_from' | 'valid_to' | 'serialNumber'>,
): Peer | undefined {
  // Repeated attributes come as an array; Node's types do not say so.
  const { O: tenantId, CN: hostId } = certificate.subject as Partial<Record<'O' | 'CN', unknown>>;
  if (typeof tenantId !== 'string' || !tenantIdShape.test(tenantId)) return undefined;
  if (typeof hostId !== 'string' || !hostIdShape.test(hostId)) return undefined;
  return {
    tenantId,
    hostId,
    issuedAt: new Date(certificate.valid_from),
    expiresAt: new Date(certificate.valid_to),
    serial: certificate.serialNumber,
  };
}

/** Key of every record of the host, and of its connection. */
export function keyOf({ tenantId, hostId }: { readonly tenantId: string; readonly hostId: string }): string {
  return `${tenantId}:${hostId}`;
}
