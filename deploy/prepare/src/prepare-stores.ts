// What the stages find when they start: topics, tables, the first tenant, and the tokens that were made for it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAccess, ensureTopics } from '@norn/bus';
import { clickhouseSettings, kafkaSettings, loadConfig, processEnvironment, settings } from '@norn/config';
import { AccessToken, createControlStore, createToken, createWriter, ensureTenant, hashToken } from '@norn/store';
import { type EntityManager, IsNull, Not } from 'typeorm';
import { z } from 'zod';

export const tenantId = 'default';

const dayMs = 86_400_000;
const apiTokenTtlMs = 3_650 * dayMs;

const schema = z.object({
  ...kafkaSettings,
  kafkaPartitions: settings.kafkaPartitions,
  kafkaAcls: settings.kafkaAcls,
  postgresUrl: settings.postgresUrl,
  postgresPasswordFile: settings.postgresPasswordFile,
  secretsDir: settings.secretsDir,
  joinTokenHostsMax: settings.joinTokenHostsMax,
  joinTokenDays: settings.joinTokenDays,
});

const eventsSchema = z.object({
  ...clickhouseSettings,
  clickhouseWriterPasswordFile: settings.clickhouseWriterPasswordFile,
});

type PrepareConfig = z.output<typeof schema>;

/** Where a join token goes that takes the place of a used one. */
export type KeepJoinToken = (secret: string) => void;

/** Safe to repeat. Without `keepJoinToken` a used join token stays used. */
export async function prepareStores(keepJoinToken?: KeepJoinToken, environment = processEnvironment()): Promise<void> {
  const config = loadConfig(schema, environment);
  await Promise.all([prepareBus(config), prepareControl(config, keepJoinToken)]);
}

async function prepareBus(config: PrepareConfig): Promise<void> {
  await ensureTopics(config);
  if (config.kafkaAcls) await ensureAccess(config);
}

/** ClickHouse's tables, which storage makes too when it starts: for an installation where several of it start at once. */
export async function prepareEvents(): Promise<void> {
  const writer = await createWriter(loadConfig(eventsSchema));
  await writer.close();
}

async function prepareControl(config: PrepareConfig, keepJoinToken?: KeepJoinToken): Promise<void> {
  const store = await createControlStore({ ...config, poolMax: 2 });
  try {
    const administrator = await ensureTenant(store.manager, tenantId);
    const apiToken = readSecret(config, 'api.token');
    const owner = { tenantId, userId: administrator.id };
    if (apiToken !== '') await createToken(store.manager, 'api', { ...owner, ttlMs: apiTokenTtlMs, secret: apiToken });
    await renewJoinToken(store.manager, config, keepJoinToken);
  } finally {
    await store.destroy();
  }
}

function readSecret({ secretsDir }: PrepareConfig, name: string): string {
  const file = join(secretsDir, name);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}

// Who keeps the token always has one that can still be used; who can't makes one for all the hosts there may be.
async function renewJoinToken(manager: EntityManager, config: PrepareConfig, keep?: KeepJoinToken): Promise<void> {
  const present = readSecret(config, 'join.token');
  const isUsed = await manager.existsBy(AccessToken, { tokenHash: hashToken(present), usedAt: Not(IsNull()) });
  const usesMax = config.joinTokenHostsMax;
  const request = { tenantId, userId: null, ttlMs: config.joinTokenDays * dayMs, usesMax };
  if (present !== '' && (!isUsed || usesMax > 1)) await createToken(manager, 'join', { ...request, secret: present });
  else keep?.(await createToken(manager, 'join', request));
}
