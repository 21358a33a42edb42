// An engine whose disk gets full is stopped, and what it had is there when there is room again. test/long/full-disk.test.ts fills real disks.
// @norn-strict
import { createClient } from '@clickhouse/client';
import { startClickHouse } from '@norn/testkit';

it('is stopped before it writes without room, says so, and starts with its rows when there is some', async () => {
  const plenty = { bytesLeft: 9e9, bytesTotal: 10e9, filesLeft: 9e6, filesTotal: 10e6 };
  let room = plenty;
  const engine = await startClickHouse({ tables: [], readRoom: () => Promise.resolve(room) });
  const { url, writerPassword: password, database } = engine;
  const client = createClient({ url, username: 'norn_writer', password, database });
  try {
    await client.command({ query: 'CREATE TABLE kept (n UInt8) ENGINE MergeTree ORDER BY n' });
    await client.command({ query: 'INSERT INTO kept VALUES (1), (2)' });

    room = { ...plenty, bytesLeft: 100_000_000 };
    expect(await engine.exited).toBe('disk_full (stopped, with 100 MB left of the 134 MB that it takes to run)');
    await expect(engine.restart()).rejects.toMatchObject({ code: 'disk_full' });

    room = plenty;
    await engine.restart();
    const rows = await client.query({ query: 'SELECT n FROM kept ORDER BY n', format: 'JSONEachRow' });
    expect(await rows.json()).toEqual([{ n: 1 }, { n: 2 }]);
  } finally {
    await client.close();
    await engine.stop();
  }
});
