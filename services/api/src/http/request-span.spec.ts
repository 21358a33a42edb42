import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningTelemetry, type TraceLine, currentTraceparent, startTelemetry } from '@norn/telemetry';
import express, { json } from 'express';
import { traceRequest } from './request-span.ts';

const folder = mkdtempSync('/tmp/norn-request-span-');
const file = join(folder, 'spans.jsonl');
let telemetry: RunningTelemetry;
let server: Server;
let url: string;
const slow = { asked: Promise.withResolvers<unknown>(), left: Promise.withResolvers<unknown>() };

beforeEach(async () => {
  telemetry = startTelemetry({ serviceName: 'api', traceFile: file });
  const app = express();
  app.use(
    traceRequest(() => undefined),
    json(),
  );
  app.post('/things/:id', async (_request, response) => {
    await sleep(1);
    response.json({ traceparent: currentTraceparent() });
  });
  app.get('/broken/:id', (_request, response) => response.status(503).end());
  app.get('/slow/:id', (_request, response) => {
    slow.asked.resolve(undefined);
    response.on('close', slow.left.resolve);
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function written(): Promise<TraceLine[]> {
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  await telemetry.close();
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  rmSync(file);
  return lines.map((line) => JSON.parse(line) as TraceLine);
}

describe('the span of a request', () => {
  it('is active where the request is answered, after its body was read', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/things/7`, { method: 'POST', headers, body: '{"a":1}' });
    const { traceparent } = (await response.json()) as { traceparent: string };
    const [span] = await written();
    expect(traceparent).toBe(`00-${span?.traceId}-${span?.spanId}-01`);
    expect(span).toMatchObject({ name: 'POST /things/:id', kind: 'SERVER', error: '' });
  });

  it('is an error when the answer says that the fault is ours, and none when it is the caller’s', async () => {
    await fetch(`${url}/broken/7`);
    await fetch(`${url}/nothing`);
    const [ours, callers] = await written();
    expect(ours).toMatchObject({ name: 'GET /broken/:id', error: '503', attributes: { 'error.type': '503' } });
    expect(callers).toMatchObject({ name: 'GET', error: '', attributes: { 'http.response.status_code': 404 } });
    expect(callers?.attributes).not.toHaveProperty('error.type');
  });

  it('ends when the caller goes away', async () => {
    const asked = httpRequest(`${url}/slow/7`).end();
    asked.on('error', () => undefined);
    await slow.asked.promise;
    asked.destroy();
    await slow.left.promise;
    const [span] = await written();
    expect(span).toMatchObject({ name: 'GET /slow/:id', error: 'aborted', attributes: { 'error.type': 'aborted' } });
    expect(span?.attributes).not.toHaveProperty('http.response.status_code');
  });

  it('has a bounded path and knows the usual methods only', async () => {
    await new Promise((resolve) => {
      httpRequest(`${url}/${'x'.repeat(2_000)}`, { method: 'PROPFIND' }, (response) => {
        response.resume().on('end', resolve);
      }).end();
    });
    const [span] = await written();
    expect(span).toMatchObject({ name: 'HTTP', attributes: { 'http.request.method': '_OTHER' } });
    expect(String(span?.attributes['url.path'])).toHaveLength(256);
  });
});
