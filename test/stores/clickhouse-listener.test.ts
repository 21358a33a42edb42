// ClickHouse of an installation on one machine: its passwords go to the engine that was started, and to nobody who has its port.
// @norn-strict
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createReader, createWriter, type ReaderConfig, type WriterConfig } from '@norn/store';
import { startClickHouse, type TestClickHouse } from '@norn/testkit';

const folder = mkdtempSync('/tmp/norn-listener-');
let engine: TestClickHouse;
let config: ReaderConfig & WriterConfig;
beforeAll(async () => {
  engine = await startClickHouse();
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  config = {
    clickhouseUrl: engine.url,
    clickhouseDatabase: 'norn',
    clickhousePidFile: file('clickhouse.pid', `${engine.pid}\n`),
    clickhouseWriterPasswordFile: file('writer', engine.writerPassword),
    clickhouseReaderPasswordFile: file('reader', engine.readerPassword),
  };
});
afterAll(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true });
});

/** Somebody who has a port, and what was told there. */
async function listenInstead(): Promise<{ url: string; told: () => string; close: () => void }> {
  let told = '';
  const server = createServer((client) => {
    client.on('data', (chunk) => (told += chunk.toString()));
    client.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, told: () => told, close: () => server.close() };
}

describe("ClickHouse's clients", () => {
  it('read and write when the engine has taken their connection', async () => {
    const writer = await createWriter(config);
    await writer.close();
    const reader = createReader(config, 'default');
    const rows = await reader.select<{ n: number }>({ select: ['count() AS n'], from: 'events' });
    await reader.close();
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('tell nothing to another process that has the port', async () => {
    const other = await listenInstead();
    const misled = { ...config, clickhouseUrl: other.url };
    await expect(createWriter(misled)).rejects.toMatchObject({ code: 'store_away' });
    const reader = createReader(misled, 'default');
    await expect(reader.select({ select: ['count() AS n'], from: 'events' })).rejects.toThrow(/another process/);
    await reader.close();
    expect(other.told()).toBe('');
    other.close();
  });

  it('wait while nobody says which process it is', async () => {
    const lost = { ...config, clickhousePidFile: join(folder, 'absent.pid') };
    await expect(createWriter(lost)).rejects.toThrow(/absent\.pid/);
  });
});
