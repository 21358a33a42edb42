// The one-time link into the console.
import { tenantId } from '@norn/prepare';
import { createControlStore, createToken, ensureTenant } from '@norn/store';
import type { Installation } from './installation.ts';

const ttlMs = 15 * 60_000;

/** Usable once, within fifteen minutes. Throws `control_store_unavailable` when the installation is down. */
export async function createLoginLink(installation: Installation): Promise<string> {
  const { ports } = installation;
  const store = await createControlStore({
    postgresUrl: `postgres://norn@127.0.0.1:${ports.postgres}/norn`,
    postgresPasswordFile: installation.path('secrets', 'postgres.password'),
    poolMax: 2, // Migrations hold one while they run on another.
  });
  try {
    const administrator = await ensureTenant(store.manager, tenantId);
    const token = await createToken(store.manager, 'login', { tenantId, userId: administrator.id, ttlMs });
    return `http://127.0.0.1:${ports.api}/login?token=${token}`;
  } finally {
    await store.destroy();
  }
}
