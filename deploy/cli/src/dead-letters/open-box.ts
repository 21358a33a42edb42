// The dead letters of this machine's installation, by a certificate of their own.
import { DeadLetterBox, ReplayProducer } from '@norn/bus';
import { kafkaSettings, loadConfig } from '@norn/config';
import { z } from 'zod';
import { busSettings, findInstallation } from '../up/installation.ts';

export interface OpenBox {
  readonly box: DeadLetterBox;
  close(): Promise<void>;
}

export function openBox(): OpenBox {
  const installation = findInstallation();
  const environment = { ...busSettings(installation, 'deadletters'), NORN_SECRETS_DIR: installation.path('secrets') };
  const config = loadConfig(z.object(kafkaSettings), environment);
  const producer = new ReplayProducer(config);
  return { box: new DeadLetterBox(config, producer), close: () => producer.close() };
}
