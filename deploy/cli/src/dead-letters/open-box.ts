// The dead letters of this machine's installation, by a certificate of their own; what is done with them stands in the audit trail.
// First, since the store makes its logger when it is loaded.
import './log.ts';
import { type DeadLetter, DeadLetterBox, DeadLetterDeeds, ReplayProducer, assertBrokerAnswers } from '@norn/bus';
import { kafkaSettings, loadConfig } from '@norn/config';
import { postgresUrl } from '@norn/embedded';
import { auditAll, openControlStore } from '@norn/store';
import { z } from 'zod';
import { type Installation, busSettings, findInstallation } from '../installation/installation.ts';

export interface OpenBox {
  readonly box: DeadLetterBox;
  readonly deeds: DeadLetterDeeds;
  /**
   * Waits until nobody else replays or drops: who comes second sees what the first did. Throws `control_store_unavailable`: nothing is done that
   * would not be told of.
   */
  openTrail(): Promise<Trail>;
  close(): Promise<void>;
}

export interface Trail {
  note(
    letters: readonly DeadLetter[],
    deed: { readonly past: 'replayed' | 'dropped'; readonly by: string },
  ): Promise<void>;
  close(): Promise<void>;
}

/** Any fixed number that nothing else in the database locks on. */
const deedLock = 7_400_002;

/** Throws `broker_away` within a few seconds. */
export async function openBox(): Promise<OpenBox> {
  const installation = findInstallation();
  const environment = { ...busSettings(installation, 'deadletters'), NORN_SECRETS_DIR: installation.path('secrets') };
  const config = loadConfig(z.object(kafkaSettings), environment);
  await assertBrokerAnswers(config);
  const producer = new ReplayProducer(config);
  return {
    box: new DeadLetterBox(config),
    deeds: new DeadLetterDeeds(config, producer),
    openTrail: () => openTrail(installation),
    close: () => producer.close(),
  };
}

/** SQL, for a lock that a connection holds. */
async function openTrail(installation: Installation): Promise<Trail> {
  const store = await openControlStore({
    postgresUrl: postgresUrl(installation.home, installation.ports.postgres),
    postgresPasswordFile: installation.path('secrets', 'postgres.password'),
    // The lock holds one, and may be waited for.
    poolMax: 2,
    answerWithinMs: 0,
  });
  const guard = store.createQueryRunner();
  await guard.query('SET statement_timeout = 0');
  const [{ free } = { free: false }] = (await guard.query('SELECT pg_try_advisory_lock($1) AS free', [deedLock])) as {
    free: boolean;
  }[];
  if (!free) {
    process.stderr.write('Another ./norn deadletters replay or drop runs: this one waits until it has ended\n');
    await guard.query('SELECT pg_advisory_lock($1)', [deedLock]);
  }
  return {
    note: (letters, { past, by }) =>
      auditAll(
        store.manager,
        letters.map(({ id, key, stage, topic, partition, offset, code }) => {
          const [tenantId = ''] = key.split(':');
          const details = { key, stage, topic, partition, offset, code };
          return { tenantId, actor: by, action: `deadletter.${past}`, subject: id, details };
        }),
      ),
    close: async () => {
      // The server takes the lock back with the connection.
      await guard.release();
      await store.destroy();
    },
  };
}
