// An authority in another's place, as clients see it that trust the older one alone, both, or the new one.
import 'reflect-metadata'; // @peculiar/x509 stands on it.
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { createAuthority, createSuccessor, openAuthority, type Authority } from './certificates.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** As people make them: no identifier of its key, and more than one name. */
async function broughtAuthority(): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'C=DE, O=Example, CN=Example hosts', keys, signingAlgorithm: algorithm },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`;
  return openAuthority({ keyPem, certificatePem: certificate.toString('pem') });
}

/** Whether a client that trusts these takes a server of the successor, which shows the link between the two. */
async function isTaken(ca: readonly string[], older: Authority, newer: Authority): Promise<boolean> {
  const issued = await newer.issue({ name: 'ingest', names: ['localhost'], purposes: ['server'] });
  const cert = `${issued.certificatePem}\n${await older.vouchFor(newer.certificatePem)}\n`;
  const server = createServer({ key: issued.keyPem, cert }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.map(String) });
  try {
    await once(socket, 'secureConnect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
    server.close();
  }
}

describe.each([
  ['made here', () => createAuthority('Norn authority')],
  ['brought, without an identifier of its key', broughtAuthority],
])('the successor of an authority that was %s', (_, make) => {
  it.each(['the older one', 'both', 'the newer one'])('is taken by who trusts %s', async (who) => {
    const older = await make();
    const newer = await createSuccessor(older);
    const [oldest, newest] = [older.certificatePem, newer.certificatePem];
    const trusted = { 'the older one': [oldest], both: [oldest, newest], 'the newer one': [newest] }[who]!;
    expect(await isTaken(trusted, older, newer)).toBe(true);
    expect(await isTaken([(await createSuccessor(older)).certificatePem], older, newer)).toBe(false);
  });
});
