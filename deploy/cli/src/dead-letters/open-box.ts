// The dead letters of this machine's installation.
import { DeadLetterBox, createProducer } from '@norn/bus';
import { findInstallation } from '../up/installation.ts';

export interface OpenBox {
  readonly box: DeadLetterBox;
  close(): Promise<void>;
}

export async function openBox(): Promise<OpenBox> {
  const config = { kafkaBrokers: `127.0.0.1:${findInstallation().ports.kafka}` };
  const producer = await createProducer(config, { clientId: 'norn-deadletters' });
  return { box: new DeadLetterBox(config, producer), close: () => producer.close() };
}
