// Asking for a person whether there is a broker: nobody listens, or who listens says nothing.
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { assertBrokerAnswers } from './topics.ts';

describe('a broker that does not answer', () => {
  const sentence = (port: number) => ({
    code: 'broker_away',
    message: expect.stringMatching(
      `^Kafka at 127.0.0.1:${port} does not answer [^\n]* \\./norn up starts it$`,
    ) as string,
  });

  it.each([
    ['in clear', false],
    ['with TLS', true],
  ])('is told of in a sentence that says what to do, %s', async (_, kafkaTls) => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const config = { kafkaBrokers: `127.0.0.1:${port}`, kafkaTls };
    await expect(assertBrokerAnswers(config)).rejects.toMatchObject(sentence(port));
    for (const socket of sockets) socket.destroy();
    silent.close();
    await once(silent, 'close');
    await expect(assertBrokerAnswers(config)).rejects.toMatchObject(sentence(port));
  });
});
