// What a tenant's quota holds: all that its hosts send.
import { create, fromBinary } from '@bufbuild/protobuf';
import { action, type agent, event } from '@norn/contracts';
import { tryIngest } from './ingest-trial.ts';
import { aBatch } from './test-host.ts';

const ingest = tryIngest();

describe('a tenant over its quota', () => {
  beforeEach(async () => {
    await ingest.server.close();
    await ingest.start(1000);
  });

  it('is told to wait, and nothing behind the throttled batch is taken before it', async () => {
    const { host } = await ingest.connectKnown();
    const aBurst = 65_535;
    host.sendBatch(aBatch({ batchSeq: 1n, eventCount: aBurst }));
    host.sendBatch(aBatch({ batchSeq: 2n, eventCount: 60 }));
    host.sendBatch(aBatch({ batchSeq: 3n, eventCount: 1 }));
    const throttles = () => host.heard.flatMap((message) => (message.case === 'throttle' ? [message.value] : []));
    await host.until(() => throttles().length > 0);
    expect(throttles()[0]?.seq).toBe(2n);
    await host.untilAcked(1n);
    expect(ingest.producer.of('raw')).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, throttles()[0]?.pauseMs));
    host.sendBatch(aBatch({ batchSeq: 2n, eventCount: 60 }), 2n);
    host.sendBatch(aBatch({ batchSeq: 3n, eventCount: 1 }), 3n);
    await host.untilAcked(2n);
    const order = ingest.producer.of('raw').map(({ value }) => fromBinary(event.EventBatchSchema, value).batchSeq);
    expect(order.slice(0, 2)).toEqual([1n, 2n]);
  });

  const outcome: agent.ConnectRequest['message'] = {
    case: 'outcome',
    value: create(action.OutcomeSchema, { commandId: 'c', message: 'x'.repeat(500_000) }),
  };
  const facts: agent.ConnectRequest['message'] = {
    case: 'facts',
    value: create(event.HostFactsSchema, { hostname: 'x'.repeat(500_000) }),
  };
  it.each([
    ['an outcome', outcome, 'outcomes'],
    ['facts', facts, 'facts'],
    ['a batch that is refused', { case: 'batch', value: new Uint8Array(500_000) }, 'deadLetter'],
  ] as const)('has %s metered like a batch', async (_, message, topic) => {
    const { host } = await ingest.connectKnown();
    host.sendBatch(aBatch({ eventCount: 65_535 }));
    const seq = host.send(message);
    const throttle = () => host.heard.flatMap((heard) => (heard.case === 'throttle' ? [heard.value] : []))[0];
    await host.until(() => throttle() !== undefined);
    expect(throttle()?.seq).toBe(seq);
    expect(ingest.producer.of(topic)).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, throttle()?.pauseMs));
    await host.untilAcked(host.send(message, seq));
    expect(ingest.producer.of(topic)).toHaveLength(1);
  });
});
