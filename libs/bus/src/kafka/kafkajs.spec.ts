import { createRequire } from 'node:module';
// Mends the class that is looked at here.
import './kafkajs.ts';

const { prototype } = createRequire(import.meta.url)('kafkajs/src/consumer/consumerGroup') as {
  readonly prototype: { readonly fetch: (this: object, node: number) => Promise<unknown[]> };
};

interface Asked {
  readonly minBytes: number;
  readonly maxWaitTime: number;
}

/** A simulator of a group with one partition: what its brokers are asked, and what they answer. */
class SimulatedGroup {
  readonly asked: Asked[] = [];
  records = 0;
  generationId = 1;
  readonly minBytes = 400;
  readonly maxWaitTime = 50;
  readonly preferredReadReplicasPerTopicPartition = {};
  readonly subscriptionState = { assigned: () => [{ topic: 'events', partitions: [0] }], isPaused: () => false };
  readonly seekOffset = { has: () => false };
  readonly offsetManager = { committedOffsets: () => ({ events: { 0: '0' } }), nextOffset: () => '0' };
  readonly cluster = {
    refreshMetadataIfNecessary: () => Promise.resolve(),
    findBroker: () => Promise.resolve({ fetch: (asked: Asked) => this.answer(asked) }),
  };
  readonly checkForStaleAssignment = (): undefined => undefined;
  readonly seekOffsets = (): undefined => undefined;
  readonly filterPartitionsByNode = (_node: number, topics: unknown): unknown => topics;
  readonly getActiveTopicPartitions = () => ({ events: new Set([0]) });

  private answer({ minBytes, maxWaitTime }: Asked) {
    this.asked.push({ minBytes, maxWaitTime });
    const messages = Array.from({ length: this.records }, (_, number) => ({ offset: String(number) }));
    const partitions = [{ partition: 0, highWatermark: String(this.records), messages }];
    return Promise.resolve({ responses: [{ topicName: 'events', partitions }] });
  }

  /** As kafkajs does while it reads. */
  joinAgain(): void {
    this.generationId += 1;
  }
}

describe('a reader', () => {
  const gathers: Asked = { minBytes: 400, maxWaitTime: 50 };
  const waits: Asked = { minBytes: 1, maxWaitTime: 250 };
  let group: SimulatedGroup;
  beforeEach(() => {
    group = new SimulatedGroup();
  });
  const read = async (records: number, node = 0): Promise<Asked | undefined> => {
    group.records = records;
    expect(await prototype.fetch.call(group, node)).toHaveLength(1);
    return group.asked.at(-1);
  };

  it('waits for the next record after an answer without one, and gathers after one with some', async () => {
    expect(await read(0)).toEqual(gathers);
    expect(await read(0)).toEqual(waits);
    expect(await read(3)).toEqual(waits);
    expect(await read(3)).toEqual(gathers);
    expect(await read(0)).toEqual(gathers);
    expect(await read(0)).toEqual(waits);
  });

  it('gathers from one broker while another has nothing', async () => {
    await read(0, 1);
    expect(await read(3, 2)).toEqual(gathers);
    expect(await read(3, 2)).toEqual(gathers);
    expect(await read(0, 1)).toEqual(waits);
  });

  it('changes its group while it waits as at other times', async () => {
    await read(0);
    Object.assign(group, {
      checkForStaleAssignment(this: SimulatedGroup) {
        this.joinAgain();
      },
    });
    expect(await read(0)).toEqual(waits);
    expect(group.generationId).toBe(2);
  });
});
