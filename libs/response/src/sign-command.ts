// Signs a command with the installation's Ed25519 key; what is signed are the command's serialised bytes.
import { create, toBinary } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { signBytes } from './signature.ts';

/** `privateKeyPem`: Ed25519 in PKCS#8. The same command and key give the same bytes. */
export function signCommand(command: action.Command, privateKeyPem: string, traceparent = ''): action.SignedCommand {
  const bytes = toBinary(action.CommandSchema, command);
  return create(action.SignedCommandSchema, { command: bytes, ...signBytes(bytes, privateKeyPem), traceparent });
}
