// Ways in: one-time links become sessions; sessions and API tokens become principals.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import {
  AccessToken,
  Tenant,
  User,
  audit,
  createToken,
  findToken,
  hashToken,
  redeemToken,
  revokeToken,
} from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from './principal.ts';
import { Refusals } from './refusals.ts';

export const sessionCookie = 'norn_session';
export const sessionTtlMs = 12 * 3_600_000;

/** Who tries a one-time link. */
export interface LoginCaller {
  readonly from: string;
  /** Has tried too many of late. */
  readonly isOverBound: boolean;
}

@Injectable()
export class Sessions {
  private readonly endings = new Map<string, Set<() => void>>();

  constructor(
    private readonly database: DataSource,
    private readonly refusals: Refusals,
  ) {}

  /**
   * Uses the link up and returns a session's secret. Of two callers with one link, one fails with `login_link_used`; over the bound with
   * `too_many_requests`. A right link works over the bound, too: nobody guesses 256 bits, and who shares an address would lock others out.
   */
  async signIn(loginToken: string, { from, isOverBound }: LoginCaller): Promise<string> {
    const session = await this.redeem(loginToken, from);
    if (session !== undefined) return session;
    const link = await this.findLink(loginToken);
    const reason = link === null ? 'unknown' : link.usedAt === null ? 'expired' : 'used';
    await this.tellRefused(link, { reason, from });
    if (isOverBound)
      throw new NornError('too_many_requests', 'Too many links from you that are none: wait a minute, then go on');
    throw new NornError(
      'login_link_used',
      'This link was used before, or is older than 15 minutes: `./norn login` makes another',
    );
  }

  private async redeem(loginToken: string, from: string): Promise<string | undefined> {
    return this.database.transaction(async (manager) => {
      const link = await redeemToken(manager, 'login', loginToken);
      if (link?.userId == null) return undefined;
      const { tenantId, userId } = link;
      const user = await manager.findOneByOrFail(User, { id: userId, tenantId });
      await audit(manager, { tenantId, actor: user.name, action: 'login', subject: userId, details: { from } });
      return createToken(manager, 'session', { tenantId, userId, ttlMs: sessionTtlMs });
    });
  }

  /** Leaves the link unused. */
  async tellForeign(loginToken: string, { from }: LoginCaller, origin: string): Promise<void> {
    const link = await this.findLink(loginToken);
    await this.tellRefused(link, { reason: 'origin', from, origin });
  }

  private findLink(loginToken: string): Promise<AccessToken | null> {
    return this.database.manager.findOneBy(AccessToken, { tokenHash: hashToken(loginToken), kind: 'login' });
  }

  /** Of nobody's tenant when it is no link of ours. */
  private async tellRefused(link: AccessToken | null, details: Readonly<Record<string, string>>): Promise<void> {
    const tenantId = link?.tenantId ?? '';
    const subject = link?.userId ?? '';
    await this.refusals.tell({ tenantId, actor: 'nobody', action: 'login.refused', subject, details });
  }

  /** Ends what was opened by it, too. */
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
    for (const end of this.endings.get(principal.token) ?? []) end();
  }

  /** Calls `end` when somebody signs out of the session in this process, until the returned function is called. */
  whenEnded(token: string, end: () => void): () => void {
    const endings = this.endings.get(token) ?? new Set();
    this.endings.set(token, endings.add(end));
    return () => {
      endings.delete(end);
      if (endings.size === 0) this.endings.delete(token);
    };
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
