import { create } from '@bufbuild/protobuf';
import type { BusRecord } from '@norn/bus';
import { BatchWriter, event, openBatch } from '@norn/contracts';
import { directoryOf } from '@norn/enrichers';
import { createAppendEnrichment } from './append-enrichment.step.ts';

const uid = new Uint8Array(16).fill(1);
const containerId = 'ab'.repeat(32);

describe('enrichment of a batch', () => {
  it('follows its bytes and names its container', () => {
    const process = { uid, parentUid: uid, pid: 1, startTimeUs: 1, imagePath: '/bin/sh', containerId };
    const raw = new BatchWriter()
      .add({ kind: event.EventKind.EXEC, timeUs: 1, process })
      .finish({ streamId: uid, batchSeq: 1 });
    const facts = create(event.HostFactsSchema, { containers: [{ containerId, name: 'web-1' }], observedAtUs: 1n });
    const step = createAppendEnrichment({
      directoryOf: (key) => (key === 'a:b' ? directoryOf(facts, undefined) : undefined),
    });
    const record: BusRecord = { topic: 'raw', partition: 0, offset: 7, key: 'a:b', value: raw, headers: {} };
    const outcome = step({ record, batch: openBatch(raw) });
    if (outcome.kind !== 'ok') throw new Error(outcome.kind);
    expect(outcome.value.value.subarray(0, raw.length)).toEqual(Buffer.from(raw));
    expect(openBatch(outcome.value.value).enrichment?.containers[1]?.name).toBe('web-1');
  });
});
