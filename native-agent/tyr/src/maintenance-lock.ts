// Who may stop this agent without being told of: whoever gives the host's maintenance token, also while the installation is away.
// maintenance.json: by what the token is known. refused-stops.json: how often another was given. leaving.token: the token, for as long as it takes the agent to end.
import { messageOf } from '@norn/base';
import { isSameDigest, maintenanceDigest, maintenanceProof } from '@norn/contracts';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { writeFileAtomically } from './write-file.ts';

/** Without a digest: the token has stopped the agent, and the installation has not said by what the next one is known. */
const schema = z.object({ tokenSha256: z.hex().length(64).optional() });
const refusedSchema = z.object({ count: z.int().nonnegative() });
/** Of a token, as people write it down. */
const tokenBytesMax = 256;

export class MaintenanceLock {
  private readonly file: string;
  private readonly leavingFile: string;
  private readonly refusedFile: string;

  constructor(
    agentDir: string,
    private readonly logger?: Logger,
  ) {
    this.file = join(agentDir, 'maintenance.json');
    this.leavingFile = join(agentDir, 'leaving.token');
    this.refusedFile = join(agentDir, 'refused-stops.json');
  }

  /** A host that was never told of a token, or is one of the installation no more, is stopped by whoever may. */
  isLocked(): boolean {
    return existsSync(this.file);
  }

  opens(token: string): boolean {
    return token.length <= tokenBytesMax && isSameDigest(maintenanceDigest(token), this.digest());
  }

  /** How often `refuse` was called. A count that can not be read begins anew. */
  get refused(): number {
    try {
      return refusedSchema.parse(JSON.parse(readFileSync(this.refusedFile, 'utf8'))).count;
    } catch {
      return 0;
    }
  }

  /** Somebody gave a token that does not open: the agent's next facts tell of it, also when the installation is away now. */
  refuse(): void {
    writeFileAtomically(this.refusedFile, JSON.stringify({ count: this.refused + 1 }));
  }

  /** The agent that ends next says by whom it was stopped. */
  leaveWith(token: string): void {
    writeFileAtomically(this.leavingFile, token);
  }

  /** As the installation says at each connection. */
  learn(digest: Uint8Array): void {
    try {
      const tokenSha256 = Buffer.from(digest).toString('hex');
      writeFileAtomically(this.file, JSON.stringify(schema.parse({ tokenSha256 })));
    } catch (error) {
      this.logger?.error({ code: 'maintenance_not_kept', err: error }, messageOf(error));
    }
  }

  /** The installation takes nothing from this host any more: it is missed by nobody. */
  lift(): void {
    rmSync(this.file, { force: true });
  }

  /** What the last facts of this run say of who stopped it; empty: nobody gave a token. The token opens nothing more, also while the installation is away. */
  takeProof(runId: Uint8Array): Uint8Array {
    try {
      const token = readFileSync(this.leavingFile, 'utf8');
      if (this.opens(token)) writeFileAtomically(this.file, '{}');
      return maintenanceProof(token, runId);
    } catch {
      return new Uint8Array();
    } finally {
      this.stay();
    }
  }

  /** The stop that a token was given for has come to nothing: it is good for another. */
  stay(): void {
    rmSync(this.leavingFile, { force: true });
  }

  /** Of nothing when it can not be read, or was used: then no token opens, and whoever stops it is told of. */
  private digest(): Uint8Array {
    try {
      const { tokenSha256 = '' } = schema.parse(JSON.parse(readFileSync(this.file, 'utf8')));
      return Buffer.from(tokenSha256, 'hex');
    } catch {
      return new Uint8Array();
    }
  }
}
