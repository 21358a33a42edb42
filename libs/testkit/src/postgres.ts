// The real PostgreSQL for a test: a folder and a port of its own.
import { freePorts, postgresUrl, startPostgres as startEmbedded, type RunningPostgres } from '@norn/embedded';
import { takeFolder, type Disposable, type Restartable } from './folder.ts';

export interface TestPostgres extends RunningPostgres, Disposable, Restartable {
  /** With the password, for `pg` and TypeORM. */
  readonly urlWithPassword: string;
  readonly password: string;
}

/** A server with an empty database `norn` owned by user `norn`. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = takeFolder('postgres');
  const [port = 0] = await freePorts(1);
  const password = 'password-of-a-test';
  const start = (): Promise<RunningPostgres> => startEmbedded({ home: folder.path, port, password });
  const urlWithPassword = postgresUrl(folder.path, port).replace('norn@', `norn:${password}@`);
  return Object.assign(folder.hold(await start(), start), { password, urlWithPassword });
}
