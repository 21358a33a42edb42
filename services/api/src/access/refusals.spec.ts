import type { DataSource } from 'typeorm';
import { Refusals } from './refusals.ts';

interface Row {
  readonly subject: string;
  readonly action: string;
  readonly details?: object;
}

/** A database that keeps nothing but what it was told of the trail. */
function fakeTrail(): { rows: Row[]; database: DataSource } {
  const rows: Row[] = [];
  const query = (_: string, [json = '[]']: string[]): Promise<void> => {
    rows.push(...(JSON.parse(json) as Row[]));
    return Promise.resolve();
  };
  return { rows, database: { manager: { query } } as unknown as DataSource };
}

describe('refusals in the trail', () => {
  const fact = {
    tenantId: 't',
    actor: 'ada',
    action: 'request.refused',
    subject: 'POST /x',
    details: { role: 'viewer' },
  };

  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('are a row at once, and how many more came one row at the end of the minute', async () => {
    const { rows, database } = fakeTrail();
    const refusals = new Refusals(database);
    for (let i = 0; i < 4; i++) await refusals.tell(fact);
    await refusals.tell({ ...fact, subject: 'POST /y' });
    expect(rows).toEqual([fact, { ...fact, subject: 'POST /y' }]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(rows.slice(2)).toEqual([{ ...fact, details: { role: 'viewer', times: 3 } }]);
    await refusals.tell(fact);
    expect(rows.slice(3)).toEqual([fact]);
  });

  it('for another reason are others', async () => {
    const { rows, database } = fakeTrail();
    const refusals = new Refusals(database);
    for (const reason of ['used', 'expired', 'used']) await refusals.tell({ ...fact, details: { reason } });
    expect(rows.map(({ details }) => details)).toEqual([{ reason: 'used' }, { reason: 'expired' }]);
  });

  it('are counted into the trail when the API shuts down, and keep no process alive', async () => {
    jest.useRealTimers();
    const { rows, database } = fakeTrail();
    const refusals = new Refusals(database);
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 3; i++) await refusals.tell(fact);
    expect(timers()).toBe(before);
    await refusals.onApplicationShutdown();
    expect(rows).toEqual([fact, { ...fact, details: { role: 'viewer', times: 2 } }]);
  });

  it('of wrong bearer tokens are told by address, 1,000 at most, and none is lost', async () => {
    const { rows, database } = fakeTrail();
    const refusals = new Refusals(database);
    await refusals.tellToken('2001:db8::0');
    for (let i = 0; i < 1_000; i++) await refusals.tellToken(`2001:db8::${i.toString(16)}`);
    expect(rows).toHaveLength(1_000);
    await refusals.tellToken('192.0.2.1');
    expect(rows.slice(1_000)).toMatchObject([
      { action: 'token.refused', subject: '2001:db8::0', details: { times: 1 } },
      { subject: '192.0.2.1', details: { from: '192.0.2.1' } },
    ]);
  });
});
