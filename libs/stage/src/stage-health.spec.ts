import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import type { HealthReport } from './service.ts';
import { StageHealth } from './stage-health.ts';

const consumers: HealthReport = { healthy: true, details: { connected: true, lag: 3 } };

async function report(parts: Readonly<Record<string, () => HealthReport>>): Promise<string> {
  const module = await Test.createTestingModule({ imports: [TerminusModule.forRoot({ logger: false })] }).compile();
  const health = new StageHealth(module.get(HealthCheckService), new Map(Object.entries(parts)));
  return JSON.stringify(await health.report());
}

describe('the health of a stage', () => {
  it('is that of all its parts, with their details in their order', async () => {
    const store = { healthy: true, details: { waitingRows: 7 } };
    expect(await report({ consumers: () => consumers, store: () => store })).toBe(
      '{"healthy":true,"details":{"connected":true,"lag":3,"waitingRows":7}}',
    );
  });

  it('is not well when one part is not, and says what each says', async () => {
    const store = { healthy: false, details: { waitingRows: 7, failure: 'ClickHouse is away' } };
    const away = { healthy: false, details: { connected: false, lag: 0 } };
    expect(await report({ consumers: () => away, store: () => ({ ...store, healthy: true }) })).toBe(
      '{"healthy":false,"details":{"connected":false,"lag":0,"waitingRows":7,"failure":"ClickHouse is away"}}',
    );
    expect(await report({ consumers: () => consumers, store: () => store })).toMatch(/^\{"healthy":false,.*"lag":3,/);
  });

  it('can not be told when a part can not tell', async () => {
    const silent = (): HealthReport => {
      throw new Error('no answer');
    };
    await expect(report({ consumers: () => consumers, silent })).rejects.toThrow('no answer');
  });
});
