import { event } from '@norn/contracts';
import { readEventLine } from './event-line.ts';
import { RecordedHost, WrittenFiles } from './recorded-host.ts';

const { EventKind, ImageFlag } = event;

/** The rows of a host's lines. */
function rowsOf(...lines: object[]) {
  const host = new RecordedHost('t:h', new WrittenFiles());
  return lines.map((line, at) => host.rowOf(readEventLine(JSON.stringify({ w: 'h', ...line }), 'f', at + 1), at + 1));
}

const exec = (pid: number, image: string, more = {}) => ({ op: 'exec', pid, image, argv: [image, '-x'], ...more });

describe('a host of a file of events', () => {
  it('follows a process from its fork over its images to what it does', () => {
    const [parent, fork, , file] = rowsOf(
      exec(7, '/bin/bash', { cwd: '/srv', uid: 33, container: '4f'.repeat(32) }),
      { op: 'fork', pid: 8, ppid: 7 },
      exec(8, '/usr/bin/curl'),
      { op: 'rename', pid: 8, path: '/srv/b', old: '/srv/a' },
    );
    expect(fork!.process).toMatchObject({ imagePath: '/bin/bash', imageNumber: 0, parentPid: 7, userId: 33 });
    expect(file!.process).toEqual({
      ...fork!.process,
      imageNumber: 1,
      imagePath: '/usr/bin/curl',
      commandLine: '/usr/bin/curl -x',
      sha256: '',
      imageFlags: 0,
    });
    expect(file!.process.parentUid).toEqual(parent!.process.uid);
    expect(file).toMatchObject({ kind: EventKind.FILE_RENAME, path: '/srv/a', target: '/srv/b' });
    expect(file!.process.containerId).toBe('4f'.repeat(32));
  });

  it('gives a pid that comes again to another process', () => {
    const [one, , two, , three] = rowsOf(
      exec(7, '/bin/a'),
      { op: 'exit', pid: 7 },
      exec(7, '/bin/b'),
      { op: 'fork', pid: 7, ppid: 1 },
      exec(7, '/bin/c'),
    );
    const uids = [one, two, three].map((row) => Buffer.from(row!.process.uid).toString('hex'));
    expect(new Set(uids).size).toBe(3);
    expect([one, two, three].map((row) => row!.process.imageNumber)).toEqual([1, 1, 1]);
  });

  it('keeps the image when an exec fails', () => {
    const [, failed] = rowsOf(exec(7, '/bin/a'), exec(7, '/bin/none', { result: -2 }));
    expect(failed!.process.imagePath).toBe('/bin/a');
    expect(failed).toMatchObject({ path: '/bin/none', result: -2 });
  });

  it('knows a program as new that was written before it was started, under whatever name', () => {
    const rows = rowsOf(
      { op: 'create', pid: 7, path: '/tmp/x.part' },
      { op: 'rename', pid: 7, path: '/tmp/x', old: '/tmp/x.part' },
      { op: 'rename', pid: 7, path: '/tmp/y', old: '/opt/y' },
      exec(8, '/tmp/x'),
      exec(8, '/tmp/y'),
      exec(8, '/tmp/x', { imageFlags: ['memfd', 'upper-layer'] }),
    );
    expect(rows.slice(3).map(({ process }) => process.imageFlags)).toEqual([
      ImageFlag.NEW,
      0,
      ImageFlag.MEMFD | ImageFlag.UPPER_LAYER,
    ]);
  });
});
