// The secrets of an installation: made once, readable by their owner alone, never printed.
import 'reflect-metadata'; // @peculiar/x509 stands on it.
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import * as x509 from '@peculiar/x509';
import type { Installation } from './installation.ts';

const ownerOnly = 0o600;
const certificateYears = 10;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const tokenBytes = 32;

const randomSecrets = [
  'postgres.password',
  'clickhouse-writer.password',
  'clickhouse-reader.password',
  'api.token',
  'join.token',
];

/** Makes what is missing; what is there stays. */
export async function makeSecrets(installation: Installation): Promise<void> {
  const missing = (name: string): boolean => !existsSync(installation.path('secrets', name));
  for (const name of randomSecrets.filter(missing)) writeSecret(installation, name, newToken());
  if (missing('command.key.pem')) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeSecret(installation, 'command.key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  }
  if (['authority.key.pem', 'authority.cert.pem', 'ingest.key.pem', 'ingest.cert.pem'].some(missing)) {
    await makeCertificates(installation);
  }
}

export function newToken(): string {
  return randomBytes(tokenBytes).toString('base64url');
}

/** Whole or not at all. */
export function writeSecret(installation: Installation, name: string, content: string): void {
  const file = installation.path('secrets', name);
  const unfinished = `${file}.part`;
  const descriptor = openSync(unfinished, 'w', ownerOnly);
  writeSync(descriptor, content);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(unfinished, file);
}

// An authority of its own for each installation: agents trust it alone, and it signs agents alone.
async function makeCertificates(installation: Installation): Promise<void> {
  const authority = await newKeys();
  const [notBefore, notAfter] = validity();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: 'CN=Norn authority',
    notBefore,
    notAfter,
    keys: authority,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const ingest = await newKeys();
  const ingestCertificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=Norn ingest',
    issuer: certificate.subject,
    notBefore,
    notAfter,
    publicKey: ingest.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth], true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(certificate),
    ],
  });
  writeSecret(installation, 'authority.key.pem', await privatePem(authority));
  writeSecret(installation, 'authority.cert.pem', certificate.toString('pem'));
  writeSecret(installation, 'ingest.key.pem', await privatePem(ingest));
  writeSecret(installation, 'ingest.cert.pem', ingestCertificate.toString('pem'));
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
}

// The first bit 0 and not all zero: a positive serial (RFC 5280, 4.1.2.2).
function newSerial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}

function validity(): [Date, Date] {
  const notAfter = new Date();
  notAfter.setFullYear(notAfter.getFullYear() + certificateYears);
  return [new Date(Date.now() - 3_600_000), notAfter];
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const base64 = Buffer.from(pkcs8).toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}
