import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginSpan, currentTraceparent, withSpan } from './span.ts';
import { type RunningTelemetry, startTelemetry } from './start.ts';
import type { TraceLine } from './trace-file.ts';

const sampled = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const folder = mkdtempSync(join(tmpdir(), 'norn-trace-'));
const file = join(folder, 'spans.jsonl');
let telemetry: RunningTelemetry;

beforeEach(() => {
  telemetry = startTelemetry({ serviceName: 'test', traceFile: file });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function written(): Promise<TraceLine[]> {
  await telemetry.close();
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  rmSync(file);
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TraceLine);
}

describe('a trace', () => {
  it('runs from the agent’s batch through every stage, over await', async () => {
    const handedOn = await withSpan('enrichment', { traceparent: sampled }, async () => {
      await Promise.resolve();
      return currentTraceparent();
    });
    const second = beginSpan('process-tree', { traceparent: handedOn });
    second?.end();
    const [first, next] = await written();
    expect(first).toMatchObject({ name: 'enrichment', parentSpanId: 'b7ad6b7169203331', service: 'test' });
    expect(next).toMatchObject({ name: 'process-tree', traceId: first?.traceId, parentSpanId: first?.spanId });
  });

  it('costs a batch that is not sampled nothing', async () => {
    const notSampled = sampled.replace(/01$/, '00');
    expect(withSpan('stage', { traceparent: notSampled }, () => currentTraceparent())).toBe('');
    expect(beginSpan('stage', { traceparent: 'garbage' })).toBeUndefined();
    expect(await written()).toEqual([]);
  });

  it('says what went wrong', async () => {
    const failing = withSpan('stage', { traceparent: sampled }, () => Promise.reject(new Error('the disk is full')));
    await expect(failing).rejects.toThrow('the disk is full');
    expect((await written())[0]?.error).toBe('the disk is full');
  });
});
