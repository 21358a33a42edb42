// One connection to one broker, asked by single requests: a client would hide what is refused behind its own metadata and retries.
import { setTimeout as sleep } from 'node:timers/promises';
import { type BusConfig, createKafka } from '@norn/bus';
import type { Kafka } from 'kafkajs';

interface Connection {
  findGroupCoordinator(request: object): Promise<unknown>;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  produce(request: object): Promise<unknown>;
  fetch(request: object): Promise<{ responses: { partitions: { messages: unknown[] }[] }[] }>;
  createTopics(request: object): Promise<unknown>;
  joinGroup(request: object): Promise<{ memberId: string }>;
  deleteGroups(groups: readonly string[]): Promise<{ results: { errorCode: number }[] }>;
}

interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  readonly brokerPool: { readonly seedBroker: Connection };
}

/** The first group is waited for by nobody else: the broker makes its topic then. */
const comesLater: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);

/** What a client may ask of a broker, each as what the broker said: '' or the type of its refusal. */
export class OneBroker {
  private constructor(private readonly cluster: Cluster) {}

  static async connect(config: BusConfig): Promise<OneBroker> {
    const cluster = clusterOf(createKafka(config, 'norn-one-broker'));
    await cluster.connect();
    return new OneBroker(cluster);
  }

  write(topic: string): Promise<string> {
    const partitions = [{ partition: 0, firstSequence: 0, messages: [{ key: 'k', value: 'v' }] }];
    return said(this.broker.produce({ topicData: [{ topic, partitions }], acks: -1, timeout: 5_000 }));
  }

  read(topic: string): Promise<string> {
    const partitions = [{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0, maxBytes: 1_000_000 }];
    const request = { topics: [{ topic, partitions }], replicaId: -1, isolationLevel: 0, maxWaitTime: 0, minBytes: 0 };
    return said(this.broker.fetch({ ...request, maxBytes: 1_000_000 }));
  }

  async join(groupId: string): Promise<string> {
    const groupProtocols = [{ name: 'any', metadata: Buffer.alloc(0) }];
    const times = { sessionTimeout: 6_000, rebalanceTimeout: 6_000 };
    for (;;) {
      await said(this.broker.findGroupCoordinator({ groupId, coordinatorType: 0 }));
      const answer = await said(this.broker.joinGroup({ groupId, ...times, groupProtocols }));
      // The broker names a member and lets it ask again: it may.
      if (answer === 'MEMBER_ID_REQUIRED') return '';
      if (!comesLater.has(answer)) return answer;
      await sleep(50);
    }
  }

  /** Without an error of its own: the broker's number of it, 30 for not authorised. */
  async forget(groupId: string): Promise<number> {
    const { results } = await this.broker.deleteGroups([groupId]);
    return results[0]?.errorCode ?? 0;
  }

  create(topic: string): Promise<string> {
    return said(this.broker.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] }));
  }

  disconnect(): Promise<void> {
    return this.cluster.disconnect();
  }

  private get broker(): Connection {
    return this.cluster.brokerPool.seedBroker;
  }
}

async function said(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return '';
  } catch (error) {
    const { type, errors } = error as { type?: string; errors?: { type?: string }[] };
    return type ?? errors?.[0]?.type ?? String(error);
  }
}

/** kafkajs 2.2.4 keeps it under a symbol. */
function clusterOf(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith('createCluster'));
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol ?? Symbol.iterator];
  if (create === undefined) throw new Error('kafkajs keeps its cluster elsewhere: see its src/index.js');
  return create({ allowAutoTopicCreation: false });
}
