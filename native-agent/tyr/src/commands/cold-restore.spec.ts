import { create } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { ColdRestore, type ContainerRuntime } from './cold-restore.ts';

let directory: string;
const id = 'c'.repeat(32);
const command = create(action.CommandSchema, {
  id,
  containerId: 'web',
  action: { case: 'restore', value: { wholeContainer: true, cold: true } },
});
const outcome = create(action.OutcomeSchema, { commandId: id, message: '7 files' });

class FakeRuntime implements ContainerRuntime {
  readonly done: string[] = [];
  constructor(private running: boolean) {}
  isRunning(): Promise<boolean> {
    return Promise.resolve(this.running);
  }
  stop(containerId: string): Promise<void> {
    this.done.push(`stop ${containerId}`);
    this.running = false;
    return Promise.resolve();
  }
  start(containerId: string): Promise<void> {
    this.done.push(`start ${containerId}`);
    return Promise.resolve();
  }
}

const open = (runtime: ContainerRuntime) =>
  new ColdRestore(join(directory, 'stopped'), runtime, pino({ level: 'silent' }));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'norn-cold-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('a cold restore', () => {
  it('stops the container before and starts it after, though tyr was started anew in between', async () => {
    const runtime = new FakeRuntime(true);
    await open(runtime).begin(command);
    const later = open(runtime);
    await later.begin(command);
    expect(later.hasStopped(id)).toBe(true);
    expect(await later.end(outcome)).toMatchObject({ message: '7 files' });
    expect(runtime.done).toEqual(['stop web', 'start web']);
    expect(later.hasStopped(id)).toBe(false);
  });

  it('leaves a container stopped that did not run', async () => {
    const runtime = new FakeRuntime(false);
    const cold = open(runtime);
    await cold.begin(command);
    expect([cold.hasStopped(id), runtime.done]).toEqual([false, []]);
  });

  it('says so when the container does not start again', async () => {
    const runtime = new FakeRuntime(true);
    runtime.start = () => Promise.reject(new Error('no such image'));
    const cold = open(runtime);
    await cold.begin(command);
    expect((await cold.end(outcome)).message).toBe('7 files; the container does not start again: no such image');
  });

  it('begins with nothing when the container can not be stopped', async () => {
    const runtime = new FakeRuntime(true);
    runtime.stop = () => Promise.reject(new Error('permission denied'));
    const cold = open(runtime);
    await expect(cold.begin(command)).rejects.toThrow('permission denied');
    expect(cold.hasStopped(id)).toBe(false);
  });
});
