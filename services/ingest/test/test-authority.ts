// An installation's keys and certificates, made for a test: real ones, with the real authority's code for hosts.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IngestSecrets } from '../src/ports/ingest-keys.ts';
import { Authority } from '../src/enrolment/authority.ts';
import { makeSignerKeys, noKeyWasChanged } from '@norn/config';
import { publicKeyPemOf } from '@norn/response';

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 24 * 3_600_000;

export interface TestSecrets extends IngestSecrets {
  readonly commandPrivateKeyPem: string;
}

export interface HostIdentity {
  readonly keyPem: string;
  readonly certificatePem: string;
}

export async function makeSecrets(): Promise<TestSecrets> {
  const authority = await makeKeys();
  const authorityCert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Norn authority of a test',
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + dayMs),
    keys: authority,
    signingAlgorithm,
    // Two authorities of one name are told apart by it.
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const server = await makeKeys();
  const serverCert = await x509.X509CertificateGenerator.create({
    serialNumber: '02',
    subject: 'CN=ingest',
    issuer: authorityCert.subjectName,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + dayMs),
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  const commandPrivateKeyPem = generateKeyPairSync('ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  return {
    authorityKeyPem: await pemOf(authority.privateKey),
    authorityCertPem: authorityCert.toString('pem'),
    serverKeyPem: await pemOf(server.privateKey),
    serverCertPem: serverCert.toString('pem'),
    commandPublicKeyPem: publicKeyPemOf(commandPrivateKeyPem),
    commandPrivateKeyPem,
    keys: noKeyWasChanged,
  };
}

/** As `norn up` lays them out. */
export function writeSecrets(directory: string, secrets: TestSecrets): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const files = {
    'authority.key.pem': secrets.authorityKeyPem,
    'authority.cert.pem': secrets.authorityCertPem,
    'ingest.key.pem': secrets.serverKeyPem,
    'ingest.cert.pem': secrets.serverCertPem,
    'command.key.pem': secrets.commandPrivateKeyPem,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { mode: 0o600 });
  makeSignerKeys(directory);
}

export async function makeRequest(): Promise<{ readonly keyPem: string; readonly requestPem: string }> {
  const keys = await makeKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=host', keys, signingAlgorithm });
  return { keyPem: await pemOf(keys.privateKey), requestPem: request.toString('pem') };
}

/** A certificate as enrolment would issue it, without enrolling. */
export async function issueIdentity(
  secrets: IngestSecrets,
  { tenantId = 'default', hostId = `host-${randomBytes(8).toString('hex')}`, now = new Date() } = {},
): Promise<HostIdentity & { readonly tenantId: string; readonly hostId: string }> {
  const authority = Authority.open(secrets);
  const { keyPem, requestPem } = await makeRequest();
  const { certificatePem } = await authority.issue(await authority.check(requestPem), { tenantId, hostId }, now);
  return { keyPem, certificatePem, tenantId, hostId };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
