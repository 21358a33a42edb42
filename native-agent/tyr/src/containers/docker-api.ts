// The calls of Docker's API that tyr needs, over its unix socket. dockerode would do, for 30 MB more resident memory.
import { NornError } from '@norn/base';
import { type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import { limits } from '../limits.ts';

const listed = z.array(z.object({ Id: z.string() }));

const inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  Config: z.object({ Image: z.string() }),
  State: z.object({ StartedAt: z.string(), Running: z.boolean() }),
  GraphDriver: z.object({ Data: z.record(z.string(), z.string()).nullish() }).nullish(),
});

const happened = z.object({ Action: z.string(), Actor: z.object({ ID: z.string() }) });

export type InspectedContainer = z.output<typeof inspected>;
export type DockerEvent = z.output<typeof happened>;

export class DockerApi {
  constructor(private readonly socketPath: string) {}

  async runningIds(): Promise<string[]> {
    return listed.parse(await this.json('/containers/json')).map(({ Id }) => Id);
  }

  /** Undefined when it is gone already. */
  async inspect(id: string): Promise<InspectedContainer | undefined> {
    const answer = await this.json(`/containers/${encodeURIComponent(id)}/json`);
    return answer === undefined ? undefined : inspected.parse(answer);
  }

  /** Resolves when Docker has begun to tell; `ended` when it stops, for whatever reason. */
  async events(onEvent: (event: DockerEvent) => void): Promise<{ readonly ended: Promise<void>; close(): void }> {
    const filters = encodeURIComponent(
      JSON.stringify({ type: ['container'], event: ['create', 'start', 'die', 'destroy', 'rename'] }),
    );
    const response = await this.get(`/events?filters=${filters}`);
    const lines = new Lines((line) => {
      const parsed = happened.safeParse(parseJson(line));
      if (parsed.success) onEvent(parsed.data);
    });
    response.setEncoding('utf8').on('data', (text: string) => {
      lines.push(text);
    });
    const ended = new Promise<void>((resolve) => {
      response.once('close', resolve);
      // A Docker that goes away aborts the answer.
      response.once('error', () => {
        resolve();
      });
    });
    return { ended, close: () => response.destroy() };
  }

  /** Throws `container_unknown`. */
  async isRunning(id: string): Promise<boolean> {
    const container = await this.inspect(id);
    if (container) return container.State.Running;
    throw new NornError('container_unknown', `Docker knows no container ${id}: only its containers can be stopped`);
  }

  /** Frozen first: nothing more happens in it. Docker does not start again what it was told to kill. */
  async stop(id: string): Promise<void> {
    const container = `/containers/${encodeURIComponent(id)}`;
    await this.post(`${container}/pause`);
    await this.post(`${container}/kill`);
    await this.post(`${container}/wait`);
  }

  async start(id: string): Promise<void> {
    await this.post(`/containers/${encodeURIComponent(id)}/start`);
  }

  private async post(path: string): Promise<void> {
    const response = await this.send('POST', path, limits.runtimeTimeoutMs);
    const { statusCode = 0 } = response;
    await textOf(response);
    // 304: it is so already; 409: it is paused already, or has ended meanwhile.
    if (statusCode === 404) throw new NornError('container_unknown', `Docker knows no such container: POST ${path}`);
  }

  private async json(path: string): Promise<unknown> {
    const response = await this.get(path, limits.runtimeTimeoutMs);
    if (response.statusCode === 404) {
      response.destroy();
      return undefined;
    }
    return parseJson((await textOf(response)) ?? '');
  }

  private get(path: string, timeout?: number): Promise<IncomingMessage> {
    return this.send('GET', path, timeout);
  }

  private send(method: 'GET' | 'POST', path: string, timeout?: number): Promise<IncomingMessage> {
    const fine = method === 'GET' ? [404] : [304, 404, 409];
    return new Promise((resolve, reject) => {
      // Node's shared agent gives up a connection that is quiet for five seconds, and events are often quieter.
      const options = { socketPath: this.socketPath, method, path, headers: { host: 'docker' }, agent: false };
      const sent = request({ ...options, ...(timeout === undefined ? {} : { timeout }) }, (response) => {
        const { statusCode = 0 } = response;
        if (statusCode < 300 || fine.includes(statusCode)) resolve(response);
        else {
          response.destroy();
          reject(new NornError('docker_refused', `Docker answered ${statusCode} to ${method} ${path}`));
        }
      });
      sent.once('timeout', () => {
        sent.destroy(
          new NornError('docker_silent', `Docker did not answer ${method} ${path} within ${timeout ?? 0} ms`),
        );
      });
      sent.once('error', reject);
      sent.end();
    });
  }
}

/** Text cut into lines. A line longer than an answer may be is thrown away: it is no event. */
class Lines {
  private rest = '';
  constructor(private readonly onLine: (line: string) => void) {}

  push(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    if (this.rest.length > limits.runtimeEventBytesMax) this.rest = '';
    for (const line of lines) if (line !== '') this.onLine(line);
  }
}

async function textOf(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limits.runtimeAnswerBytesMax) {
      throw new NornError('docker_too_much', `Docker's answer has more than ${limits.runtimeAnswerBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // The schema refuses it with the field's name.
  }
}
