// Connections that say nothing are held at the broker's ports: it takes so many and goes on, and so does who is connected.
// @norn-strict
import { connect, type Socket } from 'node:net';
import { type BusProducer, ensureTopics } from '@norn/bus';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

/** What the broker is told. */
const most = 2_000;
const keys = makeTestKeys();
const sockets: Socket[] = [];
let kafka: TestKafka;
let producer: BusProducer;
const config = () => ({ ...keys, ...kafka.bus, kafkaPartitions: 1 });

beforeAll(async () => {
  kafka = await startKafka();
  await ensureTopics(config());
  producer = await createStagesProducer(config());
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await producer.close();
  await kafka.stop();
  keys.remove();
});

const send = () => producer.send('raw', [{ key: 'default:host', value: Buffer.from('a batch'), headers: {} }]);

/** Into the queue of the port, whether the broker takes it from there or not. */
async function hold(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').resume();
  sockets.push(socket);
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve).once('close', () => {
      resolve();
    });
    socket.on('error', () => undefined);
  });
}

it('are taken up to a bound; who is connected goes on, and who is new comes in when they go', async () => {
  await send();
  const port = Number(kafka.brokers.split(':')[1]);
  for (let i = 0; i < most + 40; i++) await hold(port);
  await send();
  const late = createStagesProducer(config());
  const first = await Promise.race([late.then(() => 'came in'), send().then(() => 'waits')]);
  expect(first).toBe('waits');
  for (const socket of sockets.splice(0)) socket.destroy();
  await (await late).close();
});
