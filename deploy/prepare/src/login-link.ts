// The one-time link into the console.
import { audit, openControlStore, createToken, ensureTenant, type ControlStoreConfig } from '@norn/store';
import { tenantId } from './prepare-stores.ts';

const ttlMs = 15 * 60_000;

/** Usable once, within fifteen minutes; that it was made is in the audit trail. Throws `control_store_unavailable` when the installation is down. */
export async function createLoginLink(store: ControlStoreConfig, publicUrl: string): Promise<string> {
  const source = await openControlStore({ ...store, poolMax: 1 });
  try {
    // All or nothing: no link without its row in the trail.
    const token = await source.transaction(async (manager) => {
      const { id: userId, name: actor } = await ensureTenant(manager, tenantId);
      await audit(manager, { tenantId, actor, action: 'login_link.created', subject: userId });
      return createToken(manager, 'login', { tenantId, userId, ttlMs });
    });
    // Behind the #, which no browser sends: who looks a link up does not use it up, and no log has it.
    return `${publicUrl.replace(/\/$/, '')}/login#token=${token}`;
  } finally {
    await source.destroy();
  }
}
