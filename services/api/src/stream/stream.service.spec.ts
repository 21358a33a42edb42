import { EventEmitter } from 'node:events';
import type { Response } from 'express';
import type { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { Refusals } from '../access/refusals.ts';
import { Sessions } from '../access/sessions.ts';
import type { ControlPlane } from '../model/control-plane.ts';
import { type ChangeListener, Changes } from './changes.port.ts';
import { StreamService } from './stream.service.ts';

class FakeChanges extends Changes {
  readonly listeners = new Set<ChangeListener>();
  subscribe(_: string, listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Refuses, as a real one does, what is written after the end. */
class FakeResponse extends EventEmitter {
  writableEnded = false;
  destroyed = false;
  text = '';
  writeHead(): void {
    // Nobody looks at it.
  }
  write(text: string): void {
    if (this.writableEnded) throw new Error('write after end');
    this.text += text;
  }
  end(): void {
    this.writableEnded = true;
  }
}

const asking: Principal = {
  tenantId: 't',
  userId: 'u',
  userName: 'ada',
  role: 'viewer',
  expiresAt: new Date(),
  token: 'secret',
  kind: 'session',
};

function startTrial() {
  const database = { transaction: () => Promise.resolve() } as unknown as DataSource;
  const sessions = new Sessions(database, new Refusals(database));
  const changes = new FakeChanges();
  const service = new StreamService(changes, {} as unknown as ControlPlane, sessions);
  const open = (token: string, response = new FakeResponse()): FakeResponse => {
    service.open({ ...asking, token }, response as unknown as Response);
    return response;
  };
  return { service, sessions, changes, open };
}

describe('a stream', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('ends when its session is signed out of, and others go on', async () => {
    const { service, sessions, changes, open } = startTrial();
    const [own, second, other] = [open('secret'), open('secret'), open('another')];
    // It is being looked up when the session ends.
    for (const listener of changes.listeners) listener({ tenantId: 't', kind: 'host', id: 'h' });
    await sessions.signOut(asking);
    expect([own, second, other].map(({ writableEnded }) => writableEnded)).toEqual([true, true, false]);
    await jest.advanceTimersByTimeAsync(0);
    for (const response of [own, second, other]) response.emit('close');
    expect(changes.listeners.size).toBe(0);
    service.onModuleDestroy();
  });

  it('ends within 5 s of a sign-out that another process of the API saw', async () => {
    const { service, sessions, open } = startTrial();
    const found = jest.spyOn(sessions, 'principalFor').mockResolvedValue(asking);
    const response = open('secret');
    await jest.advanceTimersByTimeAsync(5_000);
    expect([response.text, response.writableEnded]).toEqual([expect.stringMatching(/: heartbeat\n\n$/), false]);
    found.mockResolvedValue(null);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(response.writableEnded).toBe(true);
    response.emit('close');
    service.onModuleDestroy();
  });

  it('of a reader that went away while it was being known is none', () => {
    const { service, changes, open } = startTrial();
    const gone = Object.assign(new FakeResponse(), { destroyed: true });
    expect([open('secret', gone).text, changes.listeners.size, jest.getTimerCount()]).toEqual(['', 0, 0]);
    service.onModuleDestroy();
  });

  it('that is opened while the server closes ends at once, so that the reader finds the next one', () => {
    const { service, open } = startTrial();
    service.onModuleDestroy();
    const late = open('secret');
    expect([late.text, late.writableEnded]).toEqual([expect.stringContaining('retry: 2000'), true]);
    late.emit('close');
    expect(jest.getTimerCount()).toBe(0);
  });
});
