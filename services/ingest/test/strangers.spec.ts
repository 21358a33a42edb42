// Connections that are held open at ingest's doors, by those who never show a certificate and by a host that wants more than its share.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { limits } from '../src/limits.ts';
import { tryIngest } from './ingest-trial.ts';
import { type TestHost, aBatch } from './test-host.ts';

const held = 3 * limits.strangersMax;
const ingest = tryIngest();
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function isHeard(host: TestHost): Promise<void> {
  await host.untilAcked(host.sendBatch(aBatch()));
}

/** Resolves when the socket is connected or was closed; what becomes of it afterwards is for `open`. */
async function hold(socket: Socket, connected: 'connect' | 'secureConnect'): Promise<void> {
  sockets.push(socket);
  // Who does not read does not hear that it was closed.
  socket.resume();
  await new Promise<void>((resolve) => {
    socket.once(connected, resolve);
    socket.on('error', resolve);
    socket.once('close', resolve);
  });
}

const open = (): number => sockets.filter((socket) => !socket.destroyed).length;

async function untilOpen(most: number): Promise<void> {
  while (open() > most) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('strangers who say nothing', () => {
  it('hold at most their places at the door of agents, and hosts come and stay meanwhile', async () => {
    const before = ingest.connect(await ingest.known());
    await isHeard(before);
    for (let i = 0; i < held; i++) await hold(connectTcp(ingest.server.ports.ingest, '127.0.0.1'), 'connect');
    await untilOpen(limits.strangersMax);
    await isHeard(before);
    await isHeard(ingest.connect(await ingest.known()));
    expect(open()).toBeGreaterThan(0);
  });

  it('hold at most as many at the door of enrolment, also when they have done the handshake', async () => {
    const to = { port: ingest.server.ports.enrol, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'] };
    for (let i = 0; i < limits.strangersMax + 20; i++) {
      await hold(connectTls({ ...to, ca: ingest.secrets.authorityCertPem }), 'secureConnect');
    }
    await untilOpen(limits.strangersMax);
    expect(open()).toBeGreaterThan(limits.strangersMax - 20);
  });
});

describe('a host that connects again and again', () => {
  it('has at most its own places, and another host has one', async () => {
    const greedy = await ingest.known();
    const to = { port: ingest.server.ports.ingest, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['h2'] };
    const identity = { cert: greedy.certificatePem, key: greedy.keyPem, ca: ingest.secrets.authorityCertPem };
    for (let i = 0; i < 3 * limits.connectionsPerHostMax; i++) {
      await hold(connectTls({ ...to, ...identity }), 'secureConnect');
    }
    await untilOpen(limits.connectionsPerHostMax);
    expect(open()).toBe(limits.connectionsPerHostMax);
    await isHeard(ingest.connect(await ingest.known()));
  });
});
