// The dead letters of this machine's installation, by a certificate of their own; what is done with them stands in the audit trail.
import { type DeadLetter, DeadLetterBox, ReplayProducer } from '@norn/bus';
import { kafkaSettings, loadConfig } from '@norn/config';
import { postgresUrl } from '@norn/embedded';
import { audit, createControlStore } from '@norn/store';
import { z } from 'zod';
import { type Installation, busSettings, findInstallation } from '../up/installation.ts';

export interface OpenBox {
  readonly box: DeadLetterBox;
  /** Throws `control_store_unavailable`: nothing is done that would not be told of. */
  openTrail(): Promise<Trail>;
  close(): Promise<void>;
}

export interface Trail {
  note(letter: DeadLetter, deed: { readonly past: 'replayed' | 'dropped'; readonly by: string }): Promise<void>;
  close(): Promise<void>;
}

export function openBox(): OpenBox {
  const installation = findInstallation();
  const environment = { ...busSettings(installation, 'deadletters'), NORN_SECRETS_DIR: installation.path('secrets') };
  const config = loadConfig(z.object(kafkaSettings), environment);
  const producer = new ReplayProducer(config);
  return {
    box: new DeadLetterBox(config, producer),
    openTrail: () => openTrail(installation),
    close: () => producer.close(),
  };
}

async function openTrail(installation: Installation): Promise<Trail> {
  const store = await createControlStore({
    postgresUrl: postgresUrl(installation.home, installation.ports.postgres),
    postgresPasswordFile: installation.path('secrets', 'postgres.password'),
    // Migrations hold one connection while they run on another.
    poolMax: 2,
  });
  return {
    note: ({ id, key, stage, topic, partition, offset, code }, { past, by }) => {
      const [tenantId = ''] = key.split(':');
      const details = { key, stage, topic, partition, offset, code };
      return audit(store.manager, { tenantId, actor: by, action: `deadletter.${past}`, subject: id, details });
    },
    close: () => store.destroy(),
  };
}
