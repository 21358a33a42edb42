import { createServer } from 'node:net';
import { assertPortFree, freePorts, isPortFree } from './ports.ts';

describe('a port', () => {
  it('that is taken is named with its purpose, its owner and the way out', async () => {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await expect(assertPortFree(port, 'Kafka')).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringMatching(
        new RegExp(`Port ${port} \\(Kafka\\) is taken by \\S+ \\(pid ${process.pid}\\).*NORN_PORT_BASE`),
      ),
    });
    await new Promise((resolve) => server.close(resolve));
    await expect(assertPortFree(port, 'Kafka')).resolves.toBeUndefined();
  });

  it('is free, and differs from the others asked for with it', async () => {
    const ports = await freePorts(3);
    expect(new Set(ports).size).toBe(3);
    expect(await Promise.all(ports.map(isPortFree))).toEqual([true, true, true]);
  });
});
