// The dead letters of this machine's installation.
import { DeadLetterBox, ReplayProducer } from '@norn/bus';
import { findInstallation } from '../up/installation.ts';

export interface OpenBox {
  readonly box: DeadLetterBox;
  close(): Promise<void>;
}

export function openBox(): OpenBox {
  const { ports, path } = findInstallation();
  const config = { kafkaBrokers: `127.0.0.1:${ports.kafka}`, secretsDir: path('secrets') };
  const producer = new ReplayProducer(config);
  return { box: new DeadLetterBox(config, producer), close: () => producer.close() };
}
