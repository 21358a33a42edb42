import { NornError } from '@norn/base';
import type { Part } from '@norn/embedded';
import { Supervised } from './supervised.ts';

/** A part whose end a test decides. */
class FakePart implements Part {
  readonly name = 'fake';
  readonly exited: Promise<number | string>;
  end: (how: number | string) => void = () => undefined;

  constructor(readonly pid: number) {
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  stop(): Promise<void> {
    this.end('SIGTERM');
    return Promise.resolve();
  }
}

describe('a supervised part', () => {
  const supervise = (start: () => Promise<Part>) => {
    const told: string[] = [];
    let wake: () => void = () => undefined;
    const onChange = (sentence: string): void => {
      told.push(sentence);
      wake();
    };
    const until = async (wanted: RegExp): Promise<void> => {
      while (!told.some((sentence) => wanted.test(sentence))) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { supervised: new Supervised({ name: 'fake', start, onChange }), told, until };
  };

  it('is started again when it ends by itself, and how it ended is kept', async () => {
    const parts = [new FakePart(process.pid), new FakePart(process.pid)];
    let started = 0;
    const { supervised, until } = supervise(() => Promise.resolve(parts[started++]!));
    await supervised.start();
    parts[0]!.end('SIGKILL');
    await until(/runs again/);
    expect(supervised.state).toMatchObject({ restarts: 1, lastEnd: expect.stringContaining('SIGKILL') });
    await supervised.stop();
    expect(started).toBe(2);
  });

  it('is tried again when a later start fails', async () => {
    const first = new FakePart(process.pid);
    const starts = [
      () => first,
      () => {
        throw new NornError('disk_full', 'No room left\nand more of a log');
      },
      () => new FakePart(process.pid),
    ];
    const { supervised, told, until } = supervise(async () => Promise.resolve(starts.shift()!()));
    await supervised.start();
    first.end(1);
    await until(/did not start/);
    expect(supervised.state).toMatchObject({ process: undefined, failure: 'No room left (disk_full)' });
    await until(/runs again/);
    expect(told).toContain('fake did not start (disk_full): No room left\nand more of a log');
    expect(supervised.state).not.toHaveProperty('failure');
    await supervised.stop();
  });

  it('stays down once it was stopped', async () => {
    let started = 0;
    const { supervised } = supervise(() => Promise.resolve(new FakePart(++started)));
    await supervised.start();
    await supervised.stop();
    expect(started).toBe(1);
  });

  it('reports a first start that fails to whoever asked for it', async () => {
    const { supervised } = supervise(() => Promise.reject(new Error('port taken')));
    await expect(supervised.start()).rejects.toThrow('port taken');
  });
});
