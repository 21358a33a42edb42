// ClickHouse's HTTP server ends the whole engine on some requests that are none. Another user of this machine can not send it any.
// @norn-strict
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { startClickHouse, type TestClickHouse } from '@norn/testkit';

let engine: TestClickHouse;
beforeAll(async () => {
  engine = await startClickHouse();
});
afterAll(() => engine.stop());

const nobody = 65_534;
/** The engine's listener waits for so long when it was told of a connection that it does not get, 30 s, and some more. */
const acceptGivesUpMs = 33_000;

/** What ended an engine that let everybody in, each by itself. */
const requests = [
  'POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n',
  'GET /\r\n\r\n',
  'POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
];

/** Sends each so often, and goes away at once or when it has an answer. Resolves with what was answered. */
async function asNobody(times: number, isPatient: boolean): Promise<string> {
  const program = `
    const { connect } = require('node:net');
    const [port, times, isPatient, requests] = JSON.parse(process.argv[1]);
    (async () => {
      for (let time = 0; time < times; time += 1) for (const request of requests) {
        await new Promise((resolve) => {
          const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request, 'latin1', () => isPatient || socket.destroy()));
          socket.on('data', (data) => process.stdout.write(data)).on('error', () => undefined).once('close', resolve);
        });
      }
    })();`;
  const what = JSON.stringify([Number(new URL(engine.url).port), times, isPatient, requests]);
  const child = spawn(process.execPath, ['-e', program, what], { uid: nobody, gid: nobody, cwd: '/', env: {} });
  let answer = '';
  child.stdout.on('data', (data: Buffer) => (answer += data.toString()));
  await once(child, 'close');
  return answer;
}

/** Each by a connection of its own. */
const ping = async (): Promise<boolean> => (await fetch(`${engine.url}/ping`, { headers: { connection: 'close' } })).ok;

it.each([
  ['who waits for an answer', true],
  ['who goes away at once', false],
])('goes on answering while another user sends it such requests, %s', async (_, isPatient) => {
  const { pid } = engine;
  const asked = asNobody(50, isPatient);
  for (let time = 0; time < 50; time += 1) expect(await ping()).toBe(true);
  expect(await asked).toBe('');
  await sleep(1_000);
  expect([await ping(), engine.pid]).toEqual([true, pid]);
});

it('goes on answering when nobody of its own comes for a long time after a stranger', async () => {
  const { pid } = engine;
  expect(await asNobody(1, false)).toBe('');
  await sleep(acceptGivesUpMs);
  expect([await ping(), engine.pid]).toEqual([true, pid]);
});

it('stops when it is told to, also while it waits behind a foreign connection', async () => {
  await asNobody(1, false);
  await engine.stop();
  await expect(ping()).rejects.toThrow();
});
