// A part that others than this machine reach: under which name, and by which certificate. Without one a part listens on loopback alone.
import { createServer, type Server } from 'node:tls';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { messageOf, NornError } from '@norn/base';

export interface TlsIdentity {
  readonly keyFile: string;
  readonly certificateFile: string;
  /** Kafka and the front of ClickHouse let in who has a certificate of this authority, and nobody else. */
  readonly authorityFile: string;
}

export interface Exposure extends TlsIdentity {
  /** The name in the certificate, by which clients find the part. */
  readonly name: string;
}

export const everywhere = '0.0.0.0';

const handshakeTimeoutMs = 5_000;
const connectionsMax = 512;

export interface TlsFront {
  readonly ports: { readonly outside: number; readonly inside: number };
  readonly exposure: Exposure;
}

/**
 * Ends TLS on `outside` and hands what comes with a certificate of the authority to `inside` on loopback: for a part that can't do it itself. Of
 * anybody else the part hears nothing. Throws `port_taken`.
 */
export async function openTlsFront({ ports, exposure }: TlsFront): Promise<Server> {
  const identity = {
    key: readFileSync(exposure.keyFile),
    cert: readFileSync(exposure.certificateFile),
    ca: readFileSync(exposure.authorityFile),
  };
  const asked = { requestCert: true, rejectUnauthorized: true };
  const server = createServer(
    { ...identity, ...asked, minVersion: 'TLSv1.2', handshakeTimeout: handshakeTimeoutMs },
    (client) => {
      const part = connect(ports.inside, '127.0.0.1');
      const end = (): void => {
        client.destroy();
        part.destroy();
      };
      for (const one of [client, part]) one.once('error', end).once('close', end);
      client.pipe(part).pipe(client);
    },
  );
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new NornError('port_taken', `${exposure.name} can not listen on ${ports.outside}: ${messageOf(error)}`));
    });
    server.listen(ports.outside, everywhere, resolve);
  });
  return server;
}
