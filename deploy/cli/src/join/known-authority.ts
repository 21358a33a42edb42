// The authority of an installation, fetched from it and trusted only because the invitation knows its fingerprint.
import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { messageOf, NornError } from '@norn/base';
import { fingerprintOf, type Invitation } from '@norn/contracts';

const withinMs = 10_000;
const chainMax = 8;

/**
 * The authority's certificate, PEM. Nothing is sent but TLS greetings. Throws `ingest_unreachable`, `authority_foreign` and
 * `ingest_foreign`.
 */
export async function fetchAuthority({ ingest, enrol, name, authority }: Invitation): Promise<string> {
  await reach(ingest);
  const shown = await greet(enrol, { servername: name, rejectUnauthorized: false }, chainOf).catch(unreachable(enrol));
  const known = shown.find((certificate) => fingerprintOf(certificate.raw) === authority);
  if (!known) throw foreignAuthority(enrol, authority, shown);
  const pem = known.toString();
  // Anyone can show a certificate; now with proof that the authority vouches for this server.
  await greet(enrol, { servername: name, ca: pem }, () => undefined).catch((error: unknown) => {
    const cure = 'if nobody is between, NORN_INGEST_NAME there has to be a name in the certificate of ingest';
    throw new NornError(
      'ingest_foreign',
      `${enrol} does not prove to be "${name}" of that installation (${messageOf(error)}): ${cure}`,
      { cause: error },
    );
  });
  return pem;
}

function foreignAuthority(address: string, expected: string, shown: readonly X509Certificate[]): NornError {
  const last = shown.at(-1);
  const found = last ? fingerprintOf(last.raw).slice(0, 16) : 'none';
  return new NornError(
    'authority_foreign',
    `${address} is not the installation that invited this host: its authority is ${found}…, expected ` +
      `${expected.slice(0, 16)}…. Nothing was sent. Check the address and who is between, and invite again`,
  );
}

async function reach(address: string): Promise<void> {
  const { host, port } = partsOf(address);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: withinMs }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
  }).catch(unreachable(address));
}

/** Reads something of a server whose greeting is through. */
function greet<T>(address: string, options: ConnectionOptions, read: (socket: TLSSocket) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const ends = { ...partsOf(address), ALPNProtocols: ['h2'], timeout: withinMs };
    const socket = connectTls({ ...ends, ...options }, () => {
      resolve(read(socket));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
  });
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next && chain.length < chainMax) {
    chain.push(next);
    const issuer = next.issuerCertificate;
    next = issuer?.fingerprint256 === next.fingerprint256 ? undefined : issuer;
  }
  return chain;
}

function partsOf(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

function unreachable(address: string): (error: unknown) => never {
  return (error) => {
    throw new NornError(
      'ingest_unreachable',
      `${address} can not be reached from here (${messageOf(error)}): let this host through to it, and see that ` +
        'the installation listens for other machines (NORN_AGENT_HOST=0.0.0.0 ./norn up there)',
      { cause: error },
    );
  };
}
