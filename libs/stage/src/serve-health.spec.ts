import { Metric, count } from '@norn/telemetry';
import { type HealthServer, serveHealth } from './serve-health.ts';
import type { RunningService } from './service.ts';

let server: HealthServer;
afterEach(() => server.close());

function aService(name: string, health: RunningService['health']): RunningService {
  return { name, health, close: () => Promise.resolve() };
}

async function ask(path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, body: await response.text() };
}

describe('the health of a process', () => {
  it('is that of its services; one that cannot say is not well', async () => {
    const services = [aService('well', () => Promise.resolve({ healthy: true, details: { lag: 3 } }))];
    server = await serveHealth({ host: '127.0.0.1', port: 0, services: () => services });
    expect(await ask('/healthz')).toEqual({
      status: 200,
      body: '{"healthy":true,"services":{"well":{"healthy":true,"details":{"lag":3}}}}',
    });
    services.push(aService('ill', () => Promise.reject(new Error('no answer'))));
    const { status, body } = await ask('/healthz');
    expect(status).toBe(503);
    expect(body).toContain('no answer');
  });

  it('comes with its metrics', async () => {
    server = await serveHealth({ host: '127.0.0.1', port: 0, services: () => [] });
    count(Metric.StageEvents, 7, { stage: 'test' });
    expect((await ask('/metrics')).body).toMatch(/norn_stage_events_total\{stage="test".*\} 7/);
  });

  it('names the port that is taken and the cure', async () => {
    server = await serveHealth({ host: '127.0.0.1', port: 0, services: () => [] });
    const again = serveHealth({ host: '127.0.0.1', port: server.port, services: () => [] });
    await expect(again).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining('NORN_HEALTH_PORT') as string,
    });
  });
});
