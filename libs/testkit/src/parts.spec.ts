import { createClient } from '@clickhouse/client';
import { createKafka } from '@norn/bus';
import pg from 'pg';
import { startClickHouse, startKafka, startPostgres } from './index.ts';

describe('the broker of a test', () => {
  it('keeps what it acknowledged over kill -9', async () => {
    const broker = await startKafka();
    const kafka = createKafka(broker.bus, 'norn-parts');
    const admin = kafka.admin();
    const producer = kafka.producer();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }] });
    await producer.connect();
    await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'a' }, { value: 'b' }] });
    await producer.disconnect();
    const before = broker.pid;

    await broker.kill();
    await broker.restart();

    expect(broker.pid).not.toBe(before);
    expect((await admin.fetchTopicOffsets('kept')).map(({ high }) => high)).toEqual(['2']);
    await admin.disconnect();
    await broker.stop();
  });

  it('runs beside another', async () => {
    const [one, two] = await Promise.all([startKafka(), startKafka()]);
    expect(one.brokers).not.toBe(two.brokers);
    await Promise.all([one.stop(), two.stop()]);
  });
});

describe('the engine of a test', () => {
  it('keeps rows over kill -9 and shows a reader the rows of its tenant alone', async () => {
    const engine = await startClickHouse({ tables: ['kept'] });
    const writer = createClient({
      url: engine.url,
      username: 'norn_writer',
      password: engine.writerPassword,
      database: 'norn',
    });
    await writer.command({
      query: 'CREATE TABLE kept (tenant_id String, n UInt8) ENGINE MergeTree ORDER BY tenant_id',
    });
    await writer.command({ query: `INSERT INTO kept VALUES ('one', 1), ('two', 2)` });

    await engine.kill();
    await engine.restart();

    const seenBy = async (headers: Record<string, string>): Promise<unknown> => {
      const reader = createClient({
        url: engine.url,
        username: 'norn_reader',
        password: engine.readerPassword,
        database: 'norn',
        http_headers: headers,
      });
      const rows = await (await reader.query({ query: 'SELECT n FROM kept', format: 'JSONEachRow' })).json();
      await reader.close();
      return rows;
    };
    expect(await seenBy({ 'X-Norn-Tenant': 'two' })).toEqual([{ n: 2 }]);
    expect(await seenBy({})).toEqual([]);
    await writer.close();
    await engine.stop();
  });

  it('lets nobody in without a password once it listens', async () => {
    const engine = await startClickHouse({ tables: [] });
    const answer = await fetch(engine.url, { method: 'POST', body: 'SYSTEM STOP LISTEN HTTP' });
    expect(await answer.text()).toMatch(/USER_SESSION_LIMIT_EXCEEDED/);
    await engine.stop();
  });
});

describe('the database of a test', () => {
  it('keeps rows over kill -9 and refuses a wrong password', async () => {
    const server = await startPostgres();
    const ask = async (url: string, query: string): Promise<unknown[]> => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query<object>(query)).rows;
      } finally {
        await client.end();
      }
    };
    await ask(server.urlWithPassword, 'CREATE TABLE kept AS SELECT 7 AS n');

    await server.kill();
    await server.restart();

    expect(await ask(server.urlWithPassword, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await expect(ask(server.url.replace('norn@', 'norn:wrong@'), 'SELECT 1')).rejects.toThrow(/password/);
    await server.stop();
  });
});
