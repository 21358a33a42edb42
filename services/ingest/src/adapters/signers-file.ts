// The public keys of those whose word hosts take, out of the file of all signers.
import { create } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { SignerRing } from '@norn/config';
import { agent } from '@norn/contracts';
import type { Logger } from '@norn/telemetry';
import type { SignerFeed } from '../ports/signer-feed.ts';

/** Detection says that there is a finding, the API that a person asked. */
const heard = ['detection', 'api'] as const;

/** Throws `secret_missing`, `signers_invalid`. */
export class SignersFile implements SignerFeed {
  private readonly ring: SignerRing;

  constructor(secretsDir: string, logger: Logger) {
    this.ring = new SignerRing(secretsDir, (error) => {
      logger.error({ code: 'signers_unread', err: error }, messageOf(error));
    });
  }

  keys(): agent.SignerKeys {
    const keys = heard.flatMap((signer) =>
      this.ring.of(signer).map(({ publicKey }) => {
        const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
        return create(agent.SignerKeySchema, { signer, publicKey: pem });
      }),
    );
    return create(agent.SignerKeysSchema, { keys });
  }

  refresh(): boolean {
    return this.ring.refresh();
  }
}
