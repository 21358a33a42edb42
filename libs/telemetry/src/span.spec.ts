import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpanKind } from '@opentelemetry/api';
import { beginSpan, beginTrace, currentTraceparent, isSampled, withSpan } from './span.ts';
import { type RunningTelemetry, startTelemetry } from './start.ts';
import type { TraceLine } from './trace-file.ts';

const sampled = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const folder = mkdtempSync(join(tmpdir(), 'norn-trace-'));
const file = join(folder, 'spans.jsonl');
let telemetry: RunningTelemetry;

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
  beforeEach(() => {
    telemetry = startTelemetry({ serviceName: 'test', traceFile: file });
  });

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

  it('of a request goes on with the caller’s, over what comes later, and is what follows’ cause', async () => {
    const span = beginTrace('GET', { traceparent: sampled, kind: SpanKind.SERVER });
    const handedOn = await span?.within(async () => {
      await Promise.resolve();
      return currentTraceparent();
    });
    span?.rename('GET /alerts/:id');
    span?.set({ 'http.response.status_code': 200 });
    span?.end();
    expect(handedOn).toBe(span?.traceparent);
    expect((await written())[0]).toMatchObject({
      name: 'GET /alerts/:id',
      kind: 'SERVER',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentSpanId: 'b7ad6b7169203331',
      attributes: { 'http.response.status_code': 200 },
    });
  });

  it('of a request begins when the caller’s can not be read, and not when the caller asks not to be recorded', async () => {
    for (const traceparent of [undefined, '', 'garbage', sampled.replace(/[1-9a-f]/g, '0')]) {
      beginTrace('GET', { traceparent })?.end();
    }
    expect(beginTrace('GET', { traceparent: sampled.replace(/01$/, '00') })).toBeUndefined();
    const spans = await written();
    expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual(['', '', '', '']);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(4);
  });

  it('of a request does not begin where nobody collects spans', async () => {
    expect(await written()).toEqual([]);
    expect(beginTrace('GET', {})).toBeUndefined();
  });

  it('says what went wrong', async () => {
    const failing = withSpan('stage', { traceparent: sampled }, () => Promise.reject(new Error('the disk is full')));
    await expect(failing).rejects.toThrow('the disk is full');
    expect((await written())[0]?.error).toBe('the disk is full');
  });
});

describe('a trace context', () => {
  it('is sampled when the last bit of its flags says so', () => {
    const withFlags = (flags: string): string => sampled.replace(/01$/, flags);
    expect(['01', '03', 'ff'].map((flags) => isSampled(withFlags(flags)))).toEqual([true, true, true]);
    expect(['00', '02', 'fe', '0x', '1', ''].some((flags) => isSampled(withFlags(flags)))).toBe(false);
  });
});
