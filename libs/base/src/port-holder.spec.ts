import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { LoopbackUsers, assertHolder, isListener } from './port-holder.ts';

const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
/** Only root becomes another. */
const asRoot = process.getuid?.() === 0 ? it : it.skip;

/** Another process of this user. */
let other: ChildProcess;
beforeAll(() => {
  other = spawn('sleep', ['60']);
});
afterAll(() => other.kill());

const server = createServer();
let port: number;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());

async function come(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

describe('who listens on a port', () => {
  it('is the process that has the socket, and no other', () => {
    expect(isListener(process.pid, port)).toBe(true);
    expect(isListener(other.pid ?? 0, port)).toBe(false);
    expect(isListener(2 ** 22, port)).toBe(false);
  });

  it('is nobody on a port that is free', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port: freed } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    expect(isListener(process.pid, freed)).toBe(false);
  });
});

describe('who has the other end of a connection', () => {
  it('is told by its user', async () => {
    const taken = once(server, 'connection');
    const socket = await come();
    const [far] = (await taken) as [Socket];
    expect(await new LoopbackUsers().userOf(far)).toBe(process.getuid?.());
    socket.destroy();
  });

  asRoot('is told by its user when that is another', async () => {
    const taken = once(server, 'connection');
    const script = `require('node:net').connect(${port}, '127.0.0.1')`;
    const child = spawn('setpriv', [...nobody, process.execPath, '-e', script], { cwd: '/' });
    const [far] = (await taken) as [Socket];
    const users = new LoopbackUsers();
    expect(await users.userOf(far)).toBe(65_534);
    // The second of a moment waits for the next reading.
    expect(await Promise.all([users.userOf(far), users.userOf(far)])).toEqual([65_534, 65_534]);
    child.kill();
  });

  it('is the process that took it', async () => {
    const socket = await come();
    await expect(assertHolder(process.pid, socket)).resolves.toBeUndefined();
    socket.destroy();
  });

  it('is nobody when the listener closes it at once', async () => {
    const full = createServer((client) => client.destroy()).listen(0, '127.0.0.1');
    await once(full, 'listening');
    const socket = connect((full.address() as AddressInfo).port, '127.0.0.1').resume();
    await once(socket, 'close');
    await expect(assertHolder(process.pid, socket)).rejects.toMatchObject({ code: 'port_full' });
    full.close();
  });

  it('is not taken for another', async () => {
    const socket = await come();
    await expect(assertHolder(other.pid ?? 0, socket)).rejects.toMatchObject({ code: 'port_taken' });
    socket.destroy();
  });
});
