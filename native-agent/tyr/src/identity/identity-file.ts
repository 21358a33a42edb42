// Who this host is to its installation: ids, key, certificates, in one file that changes as a whole.
import { NornError, messageOf } from '@norn/base';
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
  authorityPem: z.string().min(1),
  /** SPKI, Ed25519. */
  commandKeyPem: z.string().min(1),
  issuedAtMs: z.number(),
  expiresAtMs: z.number(),
});

export type Identity = z.output<typeof schema>;

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
      return schema.parse(JSON.parse(readFileSync(this.path, 'utf8')));
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
