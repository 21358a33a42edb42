// Signs a command with the installation's Ed25519 key; what is signed are the command's serialised bytes.
import { create, toBinary } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';

/** First 16 hex of SHA-256 of the public key's SPKI DER: names the key, proves nothing. */
export function commandKeyId(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/** SPKI PEM of the public half of a PKCS#8 PEM. */
export function publicKeyPemOf(privateKeyPem: string): string {
  return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
}

/** `privateKeyPem`: Ed25519 in PKCS#8. The same command and key give the same bytes. */
export function signCommand(command: action.Command, privateKeyPem: string, traceparent = ''): action.SignedCommand {
  const privateKey = createPrivateKey(privateKeyPem);
  const bytes = toBinary(action.CommandSchema, command);
  return create(action.SignedCommandSchema, {
    command: bytes,
    signature: new Uint8Array(sign(null, bytes, privateKey)),
    keyId: commandKeyId(createPublicKey(privateKey)),
    traceparent,
  });
}
