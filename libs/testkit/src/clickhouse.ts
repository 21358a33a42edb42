// The real ClickHouse engine for a test: a folder, a port and passwords of its own.
import {
  freePorts,
  startClickHouse as startEmbedded,
  type ClickHouseOptions,
  type RunningClickHouse,
} from '@norn/embedded';
import { takeFolder, type Disposable, type Restartable } from './folder.ts';

export interface TestClickHouse extends RunningClickHouse, Disposable, Restartable {
  readonly writerPassword: string;
  readonly readerPassword: string;
  readonly database: string;
}

/** An engine with an empty database `norn`, users norn_writer and norn_reader, and the row policies of the store's tables. */
export async function startClickHouse(
  options: Pick<ClickHouseOptions, 'tables' | 'readRoom'> = {},
): Promise<TestClickHouse> {
  const folder = takeFolder('clickhouse');
  const [port = 0] = await freePorts(1);
  const passwords = { writerPassword: 'writer-of-a-test', readerPassword: 'reader-of-a-test' };
  const start = (): Promise<RunningClickHouse> => startEmbedded({ home: folder.path, port, ...passwords, ...options });
  return Object.assign(folder.hold(await start(), start), passwords, { database: 'norn' });
}
