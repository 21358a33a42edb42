// The key that hosts obey. Nobody else has it, and nothing leaves for a host but what is signed by it here.
import { createPrivateKey } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import { WatchedSecrets, pemBlocks, readSecret } from '@norn/config';
import { action, policy } from '@norn/contracts';
import { type Signature, keyIdOfPair, signBytes } from '@norn/response';
import type { Logger } from '@norn/telemetry';
import { join } from 'node:path';

export const commandKeyFile = 'command.key.pem';

interface Pair {
  /** PKCS#8. */
  readonly pem: string;
  readonly keyId: string;
}

/** The first key of its file; while it takes another's place, or gives it back, the other stands behind it. */
export class CommandKey {
  private readonly watched: WatchedSecrets<Pair>;

  /** Throws `secret_missing`, `command_key_invalid`. */
  constructor(secretsDir: string, logger: Logger) {
    const file = join(secretsDir, commandKeyFile);
    this.watched = new WatchedSecrets({
      secretsDir,
      files: [commandKeyFile],
      read: () => firstOf(file, readSecret(file)),
      onUnread: (error) => {
        logger.error({ code: 'command_key_unread', err: error }, messageOf(error));
      },
    });
  }

  /** Of the key as it is now: its file is looked at. */
  keyId(): string {
    this.watched.refresh();
    return this.watched.current.keyId;
  }

  /** A serialised SignedCommand, signed now. */
  signCommand(body: Uint8Array): Uint8Array {
    const made = fromBinary(action.SignedCommandSchema, body);
    return toBinary(action.SignedCommandSchema, { ...made, ...this.sign(made.command) });
  }

  /**
   * A serialised SignedPolicy, signed now. Only what a HostPolicy has is signed: the database is not remediation's alone, and with a field that no
   * policy knows the same bytes could be a command.
   */
  signPolicy(body: Uint8Array): Uint8Array {
    const { policy: bytes } = fromBinary(policy.SignedPolicySchema, body);
    const made = fromBinary(policy.HostPolicySchema, bytes, { readUnknownFields: false });
    const known = toBinary(policy.HostPolicySchema, made);
    const signed = create(policy.SignedPolicySchema, { policy: known, ...this.sign(known) });
    return toBinary(policy.SignedPolicySchema, signed);
  }

  private sign(bytes: Uint8Array): Signature {
    return signBytes(bytes, this.watched.current.pem);
  }
}

function firstOf(file: string, text: string): Pair {
  const [pem = ''] = pemBlocks(text);
  try {
    if (createPrivateKey(pem).asymmetricKeyType === 'ed25519') return { pem, keyId: keyIdOfPair(pem) };
    throw new TypeError('its first key is not Ed25519');
  } catch (error) {
    const cure = 'put it back from your secret store';
    throw new NornError('command_key_invalid', `${file} is not usable (${messageOf(error)}): ${cure}`, {
      cause: error,
    });
  }
}
