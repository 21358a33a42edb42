import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { boundConnections } from './strangers.ts';

const bounds = { strangersMax: 4, connectionsMax: 12, requestMs: 30_000, quietMs: 60_000 } as const;

let server: Server;
let turnedAway: number;
let answersEnd: boolean;
const sockets: Socket[] = [];

beforeEach(async () => {
  turnedAway = 0;
  answersEnd = false;
  // Otherwise they begin and do not end, as a stream of changes does.
  server = createServer((_request, response) => {
    response.writeHead(200).write('begun');
    if (answersEnd) response.end();
  });
  boundConnections(server, bounds, () => (turnedAway += 1));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  server.close();
});

const port = (): number => (server.address() as AddressInfo).port;

async function silent(): Promise<Socket> {
  const socket = connect(port(), '127.0.0.1').resume();
  sockets.push(socket);
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve).once('close', () => {
      resolve();
    });
    socket.on('error', () => undefined);
  });
  return socket;
}

function asks(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ port: port(), host: '127.0.0.1', agent: false }, resolve).once('error', reject);
  });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('connections that say nothing', () => {
  it('have few places, and who came first goes', async () => {
    const held: Socket[] = [];
    for (let i = 0; i < 10; i++) held.push(await silent());
    await until(() => held.filter((socket) => socket.destroyed).length === 6);
    expect(held.map((socket) => socket.destroyed)).toEqual([
      ...Array<boolean>(6).fill(true),
      ...Array<boolean>(4).fill(false),
    ]);
    expect(turnedAway).toBe(6);
  });

  it('are not in the way of who asks, nor do they end an answer', async () => {
    const before = await asks();
    for (let i = 0; i < 20; i++) await silent();
    const after = await asks();
    expect([before.statusCode, after.statusCode]).toEqual([200, 200]);
    expect([before.destroyed, after.destroyed]).toEqual([false, false]);
  });
});

describe('requests that never end', () => {
  it('are strangers until they do', async () => {
    const held: Socket[] = [];
    const half = 'POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n{';
    for (let i = 0; i < 20; i++) {
      const socket = await silent();
      socket.write(half);
      held.push(socket);
    }
    await until(() => held.filter((socket) => socket.destroyed).length === 16);
    expect((await asks()).statusCode).toBe(200);
  });

  it('are in nobody’s way when they come whole: who only waits after its answer gives way', async () => {
    answersEnd = true;
    const waiting: Socket[] = [];
    for (let i = 0; i < bounds.connectionsMax; i++) {
      const socket = await silent();
      const answered = new Promise((resolve) => socket.once('data', resolve));
      socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
      await answered;
      waiting.push(socket);
    }
    await expect(asks()).rejects.toThrow(/hang up|ECONNRESET/);
    await until(() => waiting.every((socket) => socket.destroyed));
    expect((await asks()).statusCode).toBe(200);
  });
});

describe('all connections', () => {
  it('are at most so many, and the next is not taken', async () => {
    for (let i = 0; i < bounds.connectionsMax; i++) expect((await asks()).statusCode).toBe(200);
    await expect(asks()).rejects.toThrow(/hang up|ECONNRESET/);
    expect(turnedAway).toBe(1);
  });
});
