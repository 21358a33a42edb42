// Authorities of an installation, and the certificates that they sign (X.509, ECDSA P-256).
import 'reflect-metadata'; // @peculiar/x509 stands on it.
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const certificateYears = 10;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const purposeIds = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth } as const;

export interface Issued {
  /** PKCS #8. */
  readonly keyPem: string;
  readonly certificatePem: string;
}

export interface CertificatePlan {
  readonly name: string;
  /** DNS names and addresses at which it is reached. */
  readonly names: readonly string[];
  readonly purposes: readonly (keyof typeof purposeIds)[];
}

export interface Authority extends Issued {
  issue(plan: CertificatePlan): Promise<Issued>;
  /**
   * PEM: the other authority's key, certified by this one, so that who trusts this one alone takes what the other issues (RFC 4210, 4.4: "new with
   * old"). Only for one of the same name: such a link counts for no length of a path.
   */
  vouchFor(certificatePem: string): Promise<string>;
}

export function createAuthority(name: string): Promise<Authority> {
  return create(`CN=${name}`);
}

/**
 * One to take that authority's place. By the same name, for then a link between the two counts for no length of a path; but by another where nothing
 * else would tell them apart: who trusts both takes the first of the name, and tries no other.
 */
export function createSuccessor({ certificatePem }: Pick<Issued, 'certificatePem'>): Promise<Authority> {
  const older = new x509.X509Certificate(certificatePem);
  const isTold = older.getExtension(x509.SubjectKeyIdentifierExtension) !== null;
  return create(isTold ? older.subject : `${older.subject}, OU=${new Date().toISOString()}`);
}

async function create(subject: string): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...newValidity(),
    name: subject,
    keys,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return authorityOf({ certificate, signingKey: keys.privateKey }, await privatePem(keys));
}

/** One that was made before. */
export async function openAuthority({ keyPem, certificatePem }: Issued): Promise<Authority> {
  const pkcs8 = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), ecdsa, true, ['sign']);
  return authorityOf({ certificate: new x509.X509Certificate(certificatePem), signingKey }, keyPem);
}

function authorityOf(signer: Signer, keyPem: string): Authority {
  return {
    keyPem,
    certificatePem: signer.certificate.toString('pem'),
    issue: (plan) => issue(plan, signer),
    vouchFor: (certificatePem) => vouchFor(new x509.X509Certificate(certificatePem), signer),
  };
}

async function vouchFor(other: x509.X509Certificate, { certificate, signingKey }: Signer): Promise<string> {
  const bridge = await x509.X509CertificateGenerator.create({
    ...newValidity(),
    notAfter: certificate.notAfter,
    subject: other.subjectName,
    issuer: certificate.subjectName,
    publicKey: other.publicKey,
    signingKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(other.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(certificate),
    ],
  });
  return bridge.toString('pem');
}

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

async function issue(plan: CertificatePlan, { certificate, signingKey }: Signer): Promise<Issued> {
  const keys = await newKeys();
  const reached = plan.names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }));
  const issued = await x509.X509CertificateGenerator.create({
    ...newValidity(),
    subject: `CN=${plan.name}`,
    issuer: certificate.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        plan.purposes.map((purpose) => purposeIds[purpose]),
        true,
      ),
      ...(reached.length > 0 ? [new x509.SubjectAlternativeNameExtension(reached)] : []),
      await x509.AuthorityKeyIdentifierExtension.create(certificate),
    ],
  });
  return { keyPem: await privatePem(keys), certificatePem: issued.toString('pem') };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
}

function newValidity(): { serialNumber: string; notBefore: Date; notAfter: Date } {
  const notAfter = new Date();
  notAfter.setFullYear(notAfter.getFullYear() + certificateYears);
  // The first bit 0 and not all zero: a positive serial (RFC 5280, 4.1.2.2).
  const serialNumber = `01${randomBytes(15).toString('hex')}`;
  return { serialNumber, notBefore: new Date(Date.now() - 3_600_000), notAfter };
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const base64 = Buffer.from(pkcs8).toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}
