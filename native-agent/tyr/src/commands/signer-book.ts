// Whose word counts for what stands behind a command, as the installation says at each connection.
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { messageOf } from '@norn/base';
import type { agent } from '@norn/contracts';
import type { ProofKeys } from '@norn/response/agent';
import type { Logger } from 'pino';

/** Keys that are taken; an installation has one each, and another while one takes its place. */
const keysMax = 64;

export class SignerBook implements ProofKeys {
  /** By "signer keyId". Empty until the installation has said: then nothing is proven. */
  private keys = new Map<string, KeyObject>();

  constructor(private readonly logger: Logger) {}

  /** What was said before counts no more. */
  learn({ keys }: agent.SignerKeys): void {
    const known = new Map<string, KeyObject>();
    for (const { signer, publicKey: pem } of keys.slice(0, keysMax)) {
      const publicKey = this.read(pem);
      if (publicKey !== undefined) known.set(`${signer} ${keyIdOf(publicKey)}`, publicKey);
    }
    this.keys = known;
  }

  find(signer: 'detection' | 'api', keyId: string): KeyObject | undefined {
    return this.keys.get(`${signer} ${keyId}`);
  }

  private read(pem: string): KeyObject | undefined {
    try {
      const key = createPublicKey(pem);
      return key.asymmetricKeyType === 'ed25519' ? key : undefined;
    } catch (error) {
      this.logger.error({ code: 'signer_malformed', err: error }, messageOf(error));
      return undefined;
    }
  }
}

function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}
