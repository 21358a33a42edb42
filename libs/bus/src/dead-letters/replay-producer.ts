// How letters are sent again: in the name of whoever may write to their topic.
import type { StageBusConfig } from '../config.ts';
import { type TopicName, writers } from '../flow.ts';
import { type BusProducer, createProducer } from '../produce/producer.ts';

/** Sends as whoever may write to a topic, with the keys of this machine's installation. */
export class ReplayProducer implements BusProducer {
  private readonly producers = new Map<string, Promise<BusProducer>>();

  constructor(private readonly config: StageBusConfig) {}

  async send(topic: TopicName, records: Parameters<BusProducer['send']>[1]): Promise<void> {
    const [signer] = writers[topic];
    const name = signer ?? '';
    const made = this.producers.get(name);
    const options = { clientId: 'norn-deadletters', ...(signer !== undefined && { signer }) };
    const producer = made ?? createProducer(this.config, options);
    this.producers.set(name, producer);
    await (await producer).send(topic, records);
  }

  async close(): Promise<void> {
    for (const producer of this.producers.values()) await (await producer).close();
  }
}
