// Invitations: a join token, with all else that a new host has to know of this installation.
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { readSecret } from '@norn/config';
import { encodeInvitation, fingerprintOf } from '@norn/contracts';
import { assertHostGroup, audit, createToken } from '@norn/store';
import { DataSource } from 'typeorm';
import { ApiConfig } from '../api.config.ts';
import type { JoinTokenBody } from './access.request.ts';
import type { Principal } from './principal.ts';

const joinTokenTtlMs = 24 * 3_600_000;
/** Every certificate that Norn makes for ingest names it. */
const usualName = 'localhost';
const ofThisMachine = /^(127\.|localhost:|\[::1\])/;

export interface Invited {
  readonly token: string;
  readonly expiresAt: string;
  readonly hosts: number;
  readonly group: string;
  readonly invitation: string;
  readonly command: string;
  /** Empty when there is none. */
  readonly caution: string;
}

@Injectable()
export class Invitations {
  constructor(
    private readonly database: DataSource,
    private readonly config: ApiConfig,
  ) {}

  /** Throws `invitations_unavailable` where the API does not know the authority that hosts are to trust, `host_group_unknown`. */
  async invite(principal: Principal, { hosts, group }: JoinTokenBody): Promise<Invited> {
    const { agentsAt, enrolAt, ingestName } = this.reach();
    const authority = this.authority();
    const expiresAt = new Date(Date.now() + joinTokenTtlMs).toISOString();
    const token = await this.createJoinToken(principal, { hosts, group, expiresAt });
    const place = { ingest: agentsAt, enrol: enrolAt, name: ingestName };
    const invitation = encodeInvitation({ ...place, authority, token, hosts, expiresAt });
    // From there no other user of the machine can read it.
    const command = `echo ${invitation} | ./norn join -`;
    return { token, expiresAt, hosts, group, invitation, command, caution: cautionOf(agentsAt) };
  }

  private async createJoinToken(
    { tenantId, userName }: Principal,
    details: { readonly hosts: number; readonly group: string; readonly expiresAt: string },
  ): Promise<string> {
    const { hosts: usesMax, group: hostGroup } = details;
    return this.database.transaction(async (manager) => {
      if (hostGroup !== '') await assertHostGroup(manager, tenantId, hostGroup);
      await audit(manager, { tenantId, actor: userName, action: 'join-token.created', subject: tenantId, details });
      return createToken(manager, 'join', { tenantId, userId: null, ttlMs: joinTokenTtlMs, usesMax, hostGroup });
    });
  }

  private reach(): { agentsAt: string; enrolAt: string; ingestName: string } {
    const { agentsAt, enrolAt, enrolPort, ingestName } = this.config.settings;
    const host = agentsAt.slice(0, agentsAt.lastIndexOf(':'));
    return { agentsAt, enrolAt: enrolAt || `${host}:${enrolPort}`, ingestName: ingestName || usualName };
  }

  private authority(): string {
    try {
      return fingerprintOf(readSecret(join(this.config.settings.secretsDir, 'authority.cert.pem')));
    } catch (error) {
      throw new NornError(
        'invitations_unavailable',
        'The API can not read authority.cert.pem, which new hosts are to trust: put it in its NORN_SECRETS_DIR',
        { cause: error },
      );
    }
  }
}

function cautionOf(agentsAt: string): string {
  if (!ofThisMachine.test(agentsAt)) return '';
  return (
    `Ingest is reached from its own machine alone (${agentsAt}): to let others in, ` +
    'stop Norn with ./norn down, start it with NORN_AGENT_HOST=0.0.0.0 ./norn up, and invite again. ' +
    'NORN_AGENTS_AT says where they find it, if that is elsewhere'
  );
}
