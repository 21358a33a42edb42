// The one-time link into the console.
import { openControlStore, createToken, ensureTenant, type ControlStoreConfig } from '@norn/store';
import { tenantId } from './prepare-stores.ts';

const ttlMs = 15 * 60_000;

/** Usable once, within fifteen minutes. Throws `control_store_unavailable` when the installation is down. */
export async function createLoginLink(store: ControlStoreConfig, publicUrl: string): Promise<string> {
  const source = await openControlStore({ ...store, poolMax: 1 });
  try {
    const administrator = await ensureTenant(source.manager, tenantId);
    const token = await createToken(source.manager, 'login', { tenantId, userId: administrator.id, ttlMs });
    // Behind the #, which no browser sends: who looks a link up does not use it up, and no log has it.
    return `${publicUrl.replace(/\/$/, '')}/login#token=${token}`;
  } finally {
    await source.destroy();
  }
}
