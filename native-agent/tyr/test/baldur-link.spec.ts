// The socket of baldur on a real file system: it is found by its name, whatever was done to that.
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { local } from '@norn/contracts';
import { pino } from 'pino';
import { BaldurLink } from '../src/baldur/baldur-link.ts';
import { encodeFrame } from '../src/baldur/frames.ts';

let folder: string;
let path: string;
let link: BaldurLink;
const hellos: number[] = [];
beforeEach(async () => {
  hellos.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'norn-link-'));
  path = join(folder, 'baldur.sock');
  const nothing = (): void => undefined;
  const handlers = { onHello: ({ pid }: local.BaldurHello) => hellos.push(pid), onGone: nothing };
  const others = {
    onHeartbeat: nothing,
    onBatch: nothing,
    onOutcome: nothing,
    onPolicyStatus: nothing,
    onFarewell: nothing,
  };
  link = new BaldurLink(path, { ...handlers, ...others }, pino({ level: 'silent' }));
  await link.listen();
});
afterEach(() => {
  link.close();
  rmSync(folder, { recursive: true });
});

async function greeted(pid: number): Promise<Socket> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const socket = createConnection(path);
    const hello = create(local.BaldurMessageSchema, {
      message: { case: 'hello', value: create(local.BaldurHelloSchema, { pid }) },
    });
    socket.once('connect', () => socket.write(encodeFrame(toBinary(local.BaldurMessageSchema, hello))));
    socket.on('error', () => undefined);
    await sleep(200);
    if (hellos.includes(pid) || performance.now() > deadline) return socket;
    socket.destroy();
  }
}

const takes: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['removed', () => Promise.resolve()],
  [
    'taken by another listener',
    async (): Promise<Server> => {
      const stranger = createServer((socket) => socket.destroy());
      stranger.listen(path);
      await once(stranger, 'listening');
      return stranger.unref();
    },
  ],
  [
    'taken by a folder',
    () => {
      mkdirSync(join(path, 'in'), { recursive: true });
      return Promise.resolve();
    },
  ],
];

it.each(takes)(
  'a baldur that comes when the name of the socket was %s is heard, and the one before stays',
  async (_, take) => {
    const before = await greeted(1);
    unlinkSync(path);
    await take();
    expect(link.isConnected).toBe(true);
    const after = await greeted(2);
    expect(hellos).toEqual([1, 2]);
    expect(readdirSync(folder)).toEqual(['baldur.sock']);
    for (const socket of [before, after]) socket.destroy();
  },
);
