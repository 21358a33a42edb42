import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from './part.ts';
import { readRoom, roomNeeds, startWithRoom, type Room } from './room.ts';

const plenty: Room = { bytesLeft: 9e9, bytesTotal: 10e9, filesLeft: 9e6, filesTotal: 10e6 };

/** A part that ends when it is told to, in a room that a test decides. */
const setUp = (now: () => Room) => {
  let end: (how: number | string) => void = () => undefined;
  const exited = new Promise<number | string>((resolve) => (end = resolve));
  const counts = { looks: 0, starts: 0, stops: 0 };
  const stop = (): Promise<void> => {
    counts.stops += 1;
    end(143);
    return Promise.resolve();
  };
  const read = (): Promise<Room> => {
    counts.looks += 1;
    return Promise.resolve(now());
  };
  const start = (): Promise<Part> =>
    startWithRoom({ name: 'Kafka', folder: '/home', read }, () => {
      counts.starts += 1;
      return Promise.resolve({ name: 'kafka', pid: 1, exited, stop });
    });
  return { start, counts };
};

describe('the room that a part needs', () => {
  it('is what was set, of a small file system a share; to start it is more than to go on', () => {
    const needs = { stopBytes: 128e6, startBytes: 192e6, stopFiles: 512, startFiles: 768 };
    expect(roomNeeds(plenty, 128e6)).toEqual(needs);
    const small = { ...plenty, bytesTotal: 160e6, filesTotal: 1_600 };
    expect(roomNeeds(small, 128e6)).toEqual({ stopBytes: 10e6, startBytes: 15e6, stopFiles: 100, startFiles: 150 });
  });

  it('is read of the file system that a folder will be on', async () => {
    const folder = join(tmpdir(), 'norn-not-there', 'kafka');
    expect((await readRoom(folder)).bytesTotal).toBe((await readRoom(tmpdir())).bytesTotal);
  });
});

describe('a part without room', () => {
  it.each([
    ['bytes', { bytesLeft: 9e6 }, '9.0 MB left of the 201 MB'],
    ['inodes', { filesLeft: 600 }, '600 inodes left of the 768'],
  ])('for %s is not started; what is left, what it takes and what to do is said', async (_, lack, left) => {
    const { start, counts } = setUp(() => ({ ...plenty, ...lack }));
    const message = `The file system of /home has ${left} that it takes to start Kafka: free some`;
    await expect(start()).rejects.toMatchObject({ code: 'disk_full', message });
    expect(counts.starts).toBe(0);
  });

  it('is started where inodes are not counted', async () => {
    const { start } = setUp(() => ({ ...plenty, filesLeft: 0, filesTotal: 0 }));
    await (await start()).stop();
  });

  it('is stopped once when it runs, and its end says why', async () => {
    let room = plenty;
    const { start, counts } = setUp(() => room);
    const part = await start();
    room = { ...plenty, bytesLeft: 90e6 };
    expect(await part.exited).toBe('disk_full (stopped, with 90 MB left of the 134 MB that it takes to run)');
    expect(counts.stops).toBe(1);
  });

  it('lives on when its room can not be read for once, and is looked at no more when it has ended', async () => {
    let isReadable = true;
    const { start, counts } = setUp(() => {
      if (isReadable) return plenty;
      throw new Error('EIO');
    });
    const part = await start();
    isReadable = false;
    const atStart = counts.looks;
    while (counts.looks < atStart + 2) await sleep(20);
    expect(counts.stops).toBe(0);
    await part.stop();
    expect(await part.exited).toBe(143);
    const { looks } = counts;
    await sleep(700);
    expect(counts.looks).toBe(looks);
  });
});
