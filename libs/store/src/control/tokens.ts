// Secrets that let someone in: made here, shown once, kept only as SHA-256.
import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { AccessToken } from './entities/tenancy.ts';

export type TokenKind = AccessToken['kind'];

export interface TokenRequest {
  readonly tenantId: string;
  /** Null for join tokens. */
  readonly userId: string | null;
  readonly ttlMs: number;
  /** A secret made elsewhere, at least 32 characters; absent: a new one of 256 random bits. */
  readonly secret?: string;
  /** How often it lets someone in; absent: once. */
  readonly usesMax?: number;
  /** Of a join token: the group that who joins is in. */
  readonly hostGroup?: string;
}

/** SHA-256 of the token, hex: what `access_tokens` keeps. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex');
}

/**
 * Makes (or registers) a token and returns it; nobody can read it back later. The same secret twice is one token with the later expiry and the more
 * uses: by SQL, so that two at once agree.
 */
export async function createToken(manager: EntityManager, kind: TokenKind, request: TokenRequest): Promise<string> {
  const token = request.secret ?? randomBytes(32).toString('base64url');
  await manager.query(
    `INSERT INTO access_tokens AS known (token_hash, kind, tenant_id, user_id, expires_at, uses_max, host_group)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond', $6, $7)
     ON CONFLICT (token_hash) DO UPDATE SET
       expires_at = greatest(known.expires_at, excluded.expires_at),
       uses_max = greatest(known.uses_max, excluded.uses_max),
       used_at = CASE WHEN known.uses < excluded.uses_max THEN NULL ELSE known.used_at END`,
    [
      hashToken(token),
      kind,
      request.tenantId,
      request.userId,
      request.ttlMs,
      request.usesMax ?? 1,
      request.hostGroup ?? '',
    ],
  );
  return token;
}

/** The token's row while it is valid (sessions, API tokens); null when unknown, of another kind, or expired. */
export async function findToken(manager: EntityManager, kind: TokenKind, token: string): Promise<AccessToken | null> {
  return manager
    .createQueryBuilder(AccessToken, 'token')
    .where('token.tokenHash = :hash AND token.kind = :kind AND token.expiresAt > now()', {
      hash: hashToken(token),
      kind,
    })
    .getOne();
}

/** Uses a login or join token once more: as many callers as it has uses get the row, the others null. */
export async function redeemToken(manager: EntityManager, kind: TokenKind, token: string): Promise<AccessToken | null> {
  const result = await manager
    .createQueryBuilder()
    .update(AccessToken)
    .set({ uses: () => 'uses + 1', usedAt: () => 'CASE WHEN uses + 1 >= uses_max THEN now() END' })
    .where('token_hash = :hash AND kind = :kind AND used_at IS NULL AND expires_at > now()', {
      hash: hashToken(token),
      kind,
    })
    .execute();
  if (result.affected !== 1) return null;
  return manager.findOneByOrFail(AccessToken, { tokenHash: hashToken(token) });
}

/** Lets go of those that let nobody in any more. SQL, for the database's clock. */
export async function forgetTokens(manager: EntityManager): Promise<void> {
  await manager.query(`DELETE FROM access_tokens WHERE expires_at < now() - interval '1 day'`);
}

/** Ends a session or revokes a token. */
export async function revokeToken(manager: EntityManager, token: string): Promise<void> {
  await manager.delete(AccessToken, { tokenHash: hashToken(token) });
}
