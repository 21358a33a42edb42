// Ways in: one-time links become sessions; sessions and API tokens become principals.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { Tenant, User, audit, createToken, findToken, redeemToken, revokeToken } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from './principal.ts';

export const sessionCookie = 'norn_session';
export const sessionTtlMs = 12 * 3_600_000;

@Injectable()
export class Sessions {
  constructor(private readonly database: DataSource) {}

  /** Uses the link up and returns a session's secret. Of two callers with one link, one fails with `login_link_used`. */
  async signIn(loginToken: string, from: string): Promise<string> {
    return this.database.transaction(async (manager) => {
      const link = await redeemToken(manager, 'login', loginToken);
      if (link?.userId == null) {
        throw new NornError(
          'login_link_used',
          'This link was used before, or is older than 15 minutes: `./norn login` makes another',
        );
      }
      const { tenantId, userId } = link;
      const user = await manager.findOneByOrFail(User, { id: userId, tenantId });
      await audit(manager, { tenantId, actor: user.name, action: 'login', subject: userId, details: { from } });
      return createToken(manager, 'session', { tenantId, userId, ttlMs: sessionTtlMs });
    });
  }

  async signOut(principal: Principal): Promise<void> {
    await this.database.transaction(async (manager) => {
      await revokeToken(manager, principal.token);
      await audit(manager, {
        tenantId: principal.tenantId,
        actor: principal.userName,
        action: 'logout',
        subject: principal.userId,
      });
    });
  }

  /** Null when the secret is unknown, of another kind, or expired. */
  async principalFor(kind: 'session' | 'api', token: string): Promise<Principal | null> {
    const manager = this.database.manager;
    const row = await findToken(manager, kind, token);
    if (row?.userId == null) return null;
    const user = await manager.findOneBy(User, { id: row.userId, tenantId: row.tenantId });
    if (user === null) return null;
    const { tenantId, expiresAt } = row;
    return { tenantId, userId: user.id, userName: user.name, role: user.role, expiresAt, token, kind };
  }

  async tenantName(tenantId: string): Promise<string> {
    return (await this.database.manager.findOneBy(Tenant, { id: tenantId }))?.name ?? tenantId;
  }
}
