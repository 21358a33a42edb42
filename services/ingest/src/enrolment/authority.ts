// The installation's authority: turns a host's certificate request into a client certificate that names tenant and host.
import 'reflect-metadata';
import { NornError, messageOf } from '@norn/base';
import * as x509 from '@peculiar/x509';
import { X509Certificate, createPrivateKey, randomBytes, verify, webcrypto } from 'node:crypto';
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
  private constructor(
    readonly certificatePem: string,
    private readonly certificate: x509.X509Certificate,
    private readonly key: webcrypto.CryptoKey,
  ) {}

  static async open({ authorityKeyPem, authorityCertPem }: AuthoritySecrets): Promise<Authority> {
    const pkcs8 = createPrivateKey(authorityKeyPem).export({ type: 'pkcs8', format: 'der' });
    const key = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), algorithm, false, ['sign']);
    return new Authority(authorityCertPem, new x509.X509Certificate(authorityCertPem), key);
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
    if (!certificate.verify(new X509Certificate(this.certificatePem).publicKey))
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
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomBytes(16)
        .toString('hex')
        .replace(/^[89a-f]/, '7'),
      subject: [{ O: [host.tenantId] }, { CN: [host.hostId] }],
      issuer: this.certificate.subjectName,
      notBefore: now,
      notAfter: expiresAt,
      publicKey: request.publicKey,
      signingKey: this.key,
      signingAlgorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth], true),
        await x509.AuthorityKeyIdentifierExtension.create(this.certificate),
      ],
    });
    return { certificatePem: certificate.toString('pem'), expiresAt };
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
