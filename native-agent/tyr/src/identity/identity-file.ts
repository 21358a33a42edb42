// Who this host is to its installation: ids, key, certificates, in one file that changes as a whole.
import { NornError, messageOf } from '@norn/base';
import type { HeldCommandKeys } from '@norn/response/agent';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../write-file.ts';

const schema = z.object({
  tenantId: z.string().min(1),
  hostId: z.string().min(1),
  /** ECDSA P-256, PKCS#8; made here, never sent. */
  keyPem: z.string().min(1),
  certificatePem: z.string().min(1),
  /** Whom it takes for its installation; two while one authority takes another's place. */
  authorityPem: z.string().min(1),
  /** SPKI, Ed25519: as it was told at its enrolment. */
  commandKeyPem: z.string().min(1),
  /** Those that count now; absent in what an older tyr wrote. */
  commandKeys: z.object({ number: z.number(), keys: z.array(z.string().min(1)).min(1) }).optional(),
  issuedAtMs: z.number(),
  expiresAtMs: z.number(),
});

export interface Identity extends Omit<z.output<typeof schema>, 'commandKeys'> {
  readonly commandKeys: HeldCommandKeys;
}

export class IdentityFile {
  private readonly path: string;

  constructor(agentDir: string) {
    mkdirSync(agentDir, { recursive: true, mode: 0o700 });
    this.path = join(agentDir, 'identity.json');
  }

  /** Undefined before enrolment. Throws `identity_damaged`. */
  read(): Identity | undefined {
    if (!existsSync(this.path)) return undefined;
    try {
      const { commandKeys, ...identity } = schema.parse(JSON.parse(readFileSync(this.path, 'utf8')));
      return { ...identity, commandKeys: commandKeys ?? { number: 0, keys: [identity.commandKeyPem] } };
    } catch (error) {
      const cure = 'remove it and give a new join token (NORN_JOIN_TOKEN_FILE) to enrol again';
      throw new NornError('identity_damaged', `${this.path} is not usable (${messageOf(error)}): ${cure}`, {
        cause: error,
      });
    }
  }

  write(identity: Identity): void {
    writeFileAtomically(this.path, JSON.stringify(identity));
  }
}

/** At two thirds of its life a certificate is renewed. */
export function renewAtMs({ issuedAtMs, expiresAtMs }: Identity): number {
  return issuedAtMs + ((expiresAtMs - issuedAtMs) * 2) / 3;
}
