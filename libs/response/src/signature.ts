// Ed25519 over serialised bytes: what the installation signs and agents verify.
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

const SIGNATURE_BYTES = 64;

export interface Signature {
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly keyId: string;
}

/** First 16 hex of SHA-256 of the public key's SPKI DER: names the key, proves nothing. */
export function commandKeyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/** As `commandKeyId`, of a PKCS#8 PEM. */
export function keyIdOfPair(privateKeyPem: string): string {
  return commandKeyId(createPublicKey(privateKeyPem));
}

/** SPKI PEM of the public half of a PKCS#8 PEM. */
export function publicKeyPemOf(privateKeyPem: string): string {
  return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
}

/** `privateKeyPem`: Ed25519 in PKCS#8. The same bytes and key give the same signature. */
export function signBytes(bytes: Uint8Array, privateKeyPem: string): Signature {
  const privateKey = createPrivateKey(privateKeyPem);
  return { signature: new Uint8Array(sign(null, bytes, privateKey)), keyId: commandKeyId(createPublicKey(privateKey)) };
}

/** `publicKeyPem`: SPKI. */
export function isSigned(bytes: Uint8Array, signature: Uint8Array, publicKeyPem: string): boolean {
  if (signature.byteLength !== SIGNATURE_BYTES) return false;
  const key = createPublicKey(publicKeyPem);
  return key.asymmetricKeyType === 'ed25519' && verify(null, bytes, key, signature);
}

/** `publicKeyPems`: SPKI each. */
export function isSignedByOne(bytes: Uint8Array, signature: Uint8Array, publicKeyPems: readonly string[]): boolean {
  return publicKeyPems.some((pem) => isSigned(bytes, signature, pem));
}
