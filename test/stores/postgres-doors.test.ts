// PostgreSQL of an installation on one machine: whoever else is there neither reaches it nor answers in its place.
// @norn-strict
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPostgres as startServer } from '@norn/embedded';
import { createControlStore } from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import { listeningPorts } from './doors.ts';

const run = promisify(execFile);
const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];

let server: TestPostgres;
let folder: string;
let port: number;
beforeAll(async () => {
  server = await startPostgres();
  const url = new URL(server.url);
  [folder, port] = [url.searchParams.get('host') ?? '', Number(url.port)];
});
afterAll(() => server.stop());

describe("PostgreSQL's door", () => {
  it('is a socket that only root and its own user come to, and no port', async () => {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(listeningPorts([server.pid])).toEqual([]);
    const socket = join(folder, `.s.PGSQL.${port}`);
    const come = `require('node:net').connect(${JSON.stringify(socket)}).on('error', (error) => console.log(error.code))`;
    const { stdout } = await run('setpriv', [...nobody, process.execPath, '-e', come], { cwd: '/' });
    expect(stdout.trim()).toBe('EACCES');
  });

  it('is not mistaken for whoever listens on a port of that number', async () => {
    let asked = 0;
    const listener = createServer((client) => {
      asked += 1;
      client.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => connect(port, '127.0.0.1').once('close', resolve));
    expect(asked).toBe(1);
    const store = await createControlStore({ postgresUrl: server.urlWithPassword });
    await store.destroy();
    listener.close();
    expect(asked).toBe(1);
  });

  it('says what to do where its path would be too long for the kernel', async () => {
    const home = `/tmp/${'x'.repeat(100)}`;
    await expect(startServer({ home, port, password: 'any' })).rejects.toMatchObject({
      code: 'home_too_long',
      message: expect.stringContaining('NORN_HOME') as string,
    });
  });
});
