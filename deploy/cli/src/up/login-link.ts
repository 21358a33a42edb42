// The one-time link into the console of the installation on this machine.
import { postgresUrl } from '@norn/embedded';
import { createLoginLink as createLink } from '@norn/prepare';
import { assertOwnApi } from '../api/client/own-api.ts';
import type { Installation } from '../installation/installation.ts';

/**
 * Usable once, within fifteen minutes. Throws `control_store_unavailable` when the installation is down, and what `assertOwnApi` does: whoever else
 * listens there would be told the token by the browser.
 */
export async function createLoginLink(installation: Installation): Promise<string> {
  assertOwnApi(installation);
  const { home, ports } = installation;
  const store = {
    postgresUrl: postgresUrl(home, ports.postgres),
    postgresPasswordFile: installation.path('secrets', 'postgres.password'),
  };
  return createLink(store, `http://127.0.0.1:${ports.api}`);
}
