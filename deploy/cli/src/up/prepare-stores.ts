// What the stages find when they start: topics, tables, the first tenant, and the tokens that `up` made.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTopics } from '@norn/bus';
import { loadConfig, settings } from '@norn/config';
import { createControlStore, createToken, ensureTenant, hashToken } from '@norn/store';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { findInstallation, tenantId } from './installation.ts';
import { newToken, writeSecret } from './secrets.ts';

const dayMs = 86_400_000;
const apiTokenTtlMs = 3_650 * dayMs;
const joinTokenTtlMs = 7 * dayMs;

const schema = z.object({
  kafkaBrokers: settings.kafkaBrokers,
  kafkaPartitions: settings.kafkaPartitions,
  postgresUrl: settings.postgresUrl,
  postgresPasswordFile: settings.postgresPasswordFile,
  secretsDir: settings.secretsDir,
});

/** Safe to repeat. */
export async function prepareStores(): Promise<void> {
  const config = loadConfig(schema);
  await Promise.all([ensureTopics(config), prepareControl(config)]);
}

async function prepareControl(config: z.output<typeof schema>): Promise<void> {
  const store = await createControlStore({ ...config, poolMax: 2 });
  try {
    const administrator = await ensureTenant(store.manager, tenantId);
    const apiToken = readFileSync(join(config.secretsDir, 'api.token'), 'utf8').trim();
    const owner = { tenantId, userId: administrator.id };
    await createToken(store.manager, 'api', { ...owner, ttlMs: apiTokenTtlMs, secret: apiToken });
    await renewJoinToken(store.manager, join(config.secretsDir, 'join.token'));
  } finally {
    await store.destroy();
  }
}

// A join token enrols one host once; the file always holds one that can still be used.
async function renewJoinToken(manager: EntityManager, file: string): Promise<void> {
  const present = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const [row] = await manager.query<{ used_at: Date | null }[]>(
    'SELECT used_at FROM access_tokens WHERE token_hash = $1 AND used_at IS NOT NULL',
    [hashToken(present)],
  );
  const secret = present === '' || row ? newToken() : present;
  await createToken(manager, 'join', { tenantId, userId: null, ttlMs: joinTokenTtlMs, secret });
  if (secret !== present) writeSecret(findInstallation(), 'join.token', secret);
}
