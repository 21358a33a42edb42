import { createRequire } from 'node:module';
import { type PlainMessage, type ProduceRequest, encodeProduce, isPlain } from './produce-request.ts';

const require = createRequire(import.meta.url);
/** As kafkajs has it, before anything is put in its place. */
const makeProduce = require('kafkajs/src/protocol/requests/produce/v3/request') as (request: ProduceRequest) => {
  readonly encode: () => Promise<{ readonly buffer: Buffer }>;
};
const nowMs = 1_796_141_637_376;

beforeEach(() => {
  jest.useFakeTimers({ now: nowMs, doNotFake: ['nextTick', 'setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('encodeProduce', () => {
  it('writes what kafkajs writes, byte for byte', async () => {
    const request = requestOf([
      { topic: 'norn.raw', messages: [message('a:b', 1), message('a:c', 70_000), message('a:b', 0)] },
      { topic: 'norn.alerts', messages: Array.from({ length: 200 }, (_, at) => message(`tenant:${at}`, at * 7)) },
    ]);
    expect(encodeProduce(request, nowMs).equals(await ofKafkaJs(request))).toBe(true);
  });

  it('counts bytes, not characters', async () => {
    const text: PlainMessage = { key: 'schlüssel:鍵', value: Buffer.from('ß'), headers: { größe: '→', leer: '' } };
    const request = requestOf([{ topic: 'norn.raw', messages: [text, { key: '', value: Buffer.alloc(0) }] }]);
    expect(encodeProduce(request, nowMs).equals(await ofKafkaJs(request))).toBe(true);
  });

  it('says who sends, and which is the first of its records', async () => {
    const request = {
      ...requestOf([{ topic: 'norn.raw', messages: [message('a:b', 3)] }], 41),
      producerId: { toString: () => '4711000000001' },
      producerEpoch: 3,
    };
    expect(encodeProduce(request, nowMs).equals(await ofKafkaJs(request))).toBe(true);
  });
});

describe('isPlain', () => {
  const plain = requestOf([{ topic: 'norn.raw', messages: [message('a:b', 3)] }]);

  it('takes what Norn sends', () => {
    expect(isPlain(plain)).toBe(true);
  });

  it.each([
    ['is compressed', { ...plain, compression: 1 }],
    ['is of a transaction', { ...plain, transactionalId: 'some' }],
    ['has a time of its own', requestOf([{ topic: 'norn.raw', messages: [{ ...message('a:b', 3), timestamp: '5' }] }])],
    ['has no value', requestOf([{ topic: 'norn.raw', messages: [{ ...message('a:b', 3), value: null }] }])],
    ['has no key', requestOf([{ topic: 'norn.raw', messages: [{ value: Buffer.of(1) }] }])],
    ['repeats a header', requestOf([{ topic: 'norn.raw', messages: [{ ...message('a', 3), headers: { a: ['b'] } }] }])],
  ])('leaves to kafkajs what %s', (_, request: ProduceRequest) => {
    expect(isPlain(request)).toBe(false);
  });
});

function message(key: string, bytes: number): PlainMessage {
  const value = Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31) & 0xff));
  return { key, value, headers: { traceparent: '00-aa-bb-01', 'norn-signature': 'k'.repeat(bytes % 200) } };
}

function requestOf<Message>(
  topics: readonly { readonly topic: string; readonly messages: readonly Message[] }[],
  firstSequence = 0,
): ProduceRequest<Message> {
  return {
    acks: -1,
    timeout: 30_000,
    topicData: topics.map(({ topic, messages }) => ({
      topic,
      partitions: [0, 1].map((partition) => ({ partition, firstSequence, messages })),
    })),
  };
}

async function ofKafkaJs(request: ProduceRequest): Promise<Buffer> {
  const { producerId, ...rest } = request;
  const Long = require('kafkajs/src/utils/long') as { fromValue(value: string): { toString(): string } };
  const made = makeProduce(
    producerId === undefined ? rest : { ...rest, producerId: Long.fromValue(producerId.toString()) },
  );
  return (await made.encode()).buffer;
}
