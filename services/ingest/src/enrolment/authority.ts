// The installation's authority: turns a host's certificate request into a client certificate that names tenant and host.
import 'reflect-metadata';
import { NornError, messageOf } from '@norn/base';
import * as x509 from '@peculiar/x509';
import { KeyObject, X509Certificate, createPrivateKey, randomBytes, verify, webcrypto } from 'node:crypto';
import { type InstallationKeys, pemBlocks } from '@norn/config';
import { limits } from '../limits.ts';
import type { EnrolledHost } from '../ports/host-registry.ts';
import { type Peer, peerIn } from '../stream/peer.ts';

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly expiresAt: Date;
}

export interface AuthoritySecrets {
  readonly authorityKeyPem: string;
  readonly authorityCertPem: string;
  readonly keys: Pick<InstallationKeys, 'retiredAuthorities'>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** What shows that whoever asks is a host already. */
export interface PreviousProof {
  /** That it was issued. */
  readonly certificatePem: string;
  /** Made with that certificate's key. */
  readonly signature: Uint8Array;
  /** What the signature is over: the new request. */
  readonly requestPem: string;
}

/** A request whose holder proved to have its key. */
export type CheckedRequest = x509.Pkcs10CertificateRequest;

export class Authority {
  private readonly certificate: x509.X509Certificate;
  private imported: Promise<webcrypto.CryptoKey> | undefined;

  private constructor(
    /** PEM, each: of those whose certificates let a host in. */
    readonly trusted: readonly string[],
    /** PEM, each: what they issued says who a host was, and lets nobody in. */
    readonly retired: readonly string[],
    /** PEM, the one of `trusted` that issues. */
    readonly issuingPem: string,
    private readonly key: KeyObject,
  ) {
    this.certificate = new x509.X509Certificate(issuingPem);
  }

  /** Throws `authority_invalid` when none of the certificates is of the first key. */
  static open({ authorityKeyPem, authorityCertPem, keys }: AuthoritySecrets): Authority {
    const key = createPrivateKey(pemBlocks(authorityKeyPem)[0] ?? authorityKeyPem);
    const trusted = pemBlocks(authorityCertPem);
    const issuing = trusted.find((pem) => new X509Certificate(pem).checkPrivateKey(key));
    if (issuing !== undefined) return new Authority(trusted, keys.retiredAuthorities, issuing, key);
    const cure = 'put the two in together';
    throw new NornError('authority_invalid', `authority.cert.pem has no certificate of authority.key.pem: ${cure}`);
  }

  /** Throws `certificate_request_invalid`. Only the request's key is used; who the host is, is not its to say. */
  async check(requestPem: string): Promise<CheckedRequest> {
    const request = parse(requestPem);
    const { name, namedCurve } = request.publicKey.algorithm as { name?: string; namedCurve?: string };
    if (name !== algorithm.name || namedCurve !== algorithm.namedCurve) {
      throw invalid(`its key is ${name ?? 'unknown'} ${namedCurve ?? ''}, not ECDSA P-256`);
    }
    const proven = await request.verify().catch(() => false);
    if (!proven) throw invalid('its signature was not made with its key');
    return request;
  }

  /** Whose certificate it is, expired ones included. Throws `certificate_foreign`, `certificate_expired`. */
  checkPrevious({ certificatePem, signature, requestPem }: PreviousProof, now = new Date()): Peer {
    const certificate = parseCertificate(certificatePem);
    const known = [...this.trusted, ...this.retired];
    if (!known.some((pem) => certificate.verify(new X509Certificate(pem).publicKey)))
      throw foreign('another authority issued it');
    const peer = peerIn(certificate.toLegacyObject());
    if (peer === undefined) throw foreign('it names no tenant (O) and host (CN) of Norn');
    if (!verify('sha256', Buffer.from(requestPem), certificate.publicKey, signature))
      throw foreign('the proof was not made with its key');
    if (now.getTime() - peer.expiresAt.getTime() <= limits.enrolAgainMs) return peer;
    throw new NornError('certificate_expired', `The certificate of ${peer.hostId} expired long ago: give a join token`);
  }

  async issue(request: CheckedRequest, host: EnrolledHost, now = new Date()): Promise<IssuedCertificate> {
    const expiresAt = new Date(now.getTime() + limits.certificateTtlMs);
    const certificate = await this.sign({
      subject: [{ O: [host.tenantId] }, { CN: [host.hostId] }],
      notBefore: now,
      notAfter: expiresAt,
      publicKey: request.publicKey,
      extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth], true)],
    });
    return { certificatePem: certificate.toString('pem'), expiresAt };
  }

  /** Whether a certificate (DER) lets a host in. */
  letsIn(der: Uint8Array): boolean {
    const certificate = new X509Certificate(der);
    return this.trusted.some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
  }

  /** Whether it is of the authority that issues now: only then ingest may make itself another like it. */
  hasIssued(certificatePem: string): boolean {
    return new X509Certificate(certificatePem).verify(new X509Certificate(this.issuingPem).publicKey);
  }

  /** Ingest's next certificate, with the names of the one before and a key of its own. */
  async issueLike(certificatePem: string, now = new Date()): Promise<{ keyPem: string; certificatePem: string }> {
    const before = new x509.X509Certificate(certificatePem);
    const names = before.getExtension(x509.SubjectAlternativeNameExtension);
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await this.sign({
      subject: before.subject,
      notBefore: now,
      notAfter: new Date(now.getTime() + limits.serverCertificateTtlMs),
      publicKey: keys.publicKey,
      extensions: [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth], true),
        ...(names === null ? [] : [names]),
      ],
    });
    const keyPem = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
    return { keyPem, certificatePem: certificate.toString('pem') };
  }

  private async sign(
    plan: Pick<x509.X509CertificateCreateParams, 'subject' | 'notBefore' | 'notAfter' | 'extensions' | 'publicKey'>,
  ): Promise<x509.X509Certificate> {
    return x509.X509CertificateGenerator.create({
      ...plan,
      serialNumber: randomBytes(16)
        .toString('hex')
        .replace(/^[89a-f]/, '7'),
      issuer: this.certificate.subjectName,
      signingKey: await this.signingKey(),
      signingAlgorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...(plan.extensions ?? []),
        await x509.AuthorityKeyIdentifierExtension.create(this.certificate),
      ],
    });
  }

  private signingKey(): Promise<webcrypto.CryptoKey> {
    const pkcs8 = (): Uint8Array<ArrayBuffer> => new Uint8Array(this.key.export({ type: 'pkcs8', format: 'der' }));
    this.imported ??= webcrypto.subtle.importKey('pkcs8', pkcs8(), algorithm, false, ['sign']);
    return this.imported;
  }
}

function parse(requestPem: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(requestPem);
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

function parseCertificate(certificatePem: string): X509Certificate {
  try {
    return new X509Certificate(certificatePem);
  } catch (error) {
    throw foreign(messageOf(error));
  }
}

function foreign(reason: string): NornError {
  return new NornError('certificate_foreign', `The previous certificate proves nothing: ${reason}`);
}

function invalid(reason: string): NornError {
  return new NornError('certificate_request_invalid', `The certificate request is not usable: ${reason}`);
}
