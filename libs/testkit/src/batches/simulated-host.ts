// A host that lives: about two thousand processes in ten containers and outside, that fork, exec, end, touch files and connect.
// Of the events 30 % are fork, exec and exit, 62 % files, 8 % network; the same seed gives the same life.
import { SeededRandom } from '@norn/base';
import { BatchWriter, type ProcessEntry, type Row, event } from '@norn/contracts';

const { EventKind } = event;

export interface SimulatedHostOptions {
  readonly seed: number;
  readonly processes?: number;
  readonly containers?: number;
  /** Unix µs of the first event. */
  readonly startUs?: number;
}

const programs = [
  ['/usr/bin/python3.11', 'python3 -m gunicorn shop.wsgi --workers 4'],
  ['/usr/sbin/nginx', 'nginx: worker process'],
  ['/usr/bin/node', 'node /srv/app/server.js --port 8080'],
  ['/usr/lib/postgresql/15/bin/postgres', 'postgres: shop shop 10.0.0.8(41514) idle'],
  ['/usr/bin/redis-server', 'redis-server *:6379'],
  ['/bin/bash', 'bash -c /opt/jobs/rotate.sh'],
  ['/usr/bin/java', 'java -Xmx512m -jar /opt/queue/broker.jar'],
] as const;

const commands = [
  ['/usr/bin/find', 'find /var/lib/app -name *.tmp -mtime +1'],
  ['/bin/grep', 'grep -c ERROR /var/log/app/current.log'],
  ['/usr/bin/stat', 'stat -c %s /var/log/app/current.log'],
  ['/bin/sh', 'sh -c df -P / | tail -1'],
  ['/usr/bin/awk', 'awk {print $5}'],
  ['/usr/bin/curl', 'curl -fsS http://127.0.0.1:8080/healthz'],
  ['/usr/bin/git', 'git -C /srv/app rev-parse HEAD'],
  ['/usr/bin/gcc', 'gcc -O2 -c module.c -o module.o'],
] as const;

const folders = [
  '/var/lib/app/cache',
  '/var/log/app',
  '/srv/data/orders',
  '/tmp',
  '/home/build/work/objects',
  '/var/lib/postgresql/base',
];
const fileKinds = [
  ...Array.from({ length: 8 }, () => EventKind.FILE_OPEN),
  EventKind.FILE_RENAME,
  EventKind.FILE_UNLINK,
  EventKind.FILE_UNLINK,
  EventKind.FILE_TRUNCATE,
  EventKind.FILE_CHMOD,
];

export class SimulatedHost {
  readonly streamId: Uint8Array;
  readonly bootId: Uint8Array;
  private readonly random: SeededRandom;
  private readonly running: ProcessEntry[] = [];
  private nowUs: number;
  private batchSeq = 0;
  private nextPid = 1;

  constructor({ seed, processes = 2_000, containers = 10, startUs = 1_790_000_000_000_000 }: SimulatedHostOptions) {
    this.random = new SeededRandom(seed);
    this.streamId = this.random.bytes(16);
    this.bootId = this.random.bytes(16);
    this.nowUs = startUs;
    const init = this.born(undefined, '/usr/lib/systemd/systemd', '/sbin/init', '');
    this.running.push(init);
    const ids = ['', ...Array.from({ length: containers }, () => this.random.hex(64))];
    const roots = ids.map((id) =>
      this.born(init, '/usr/bin/containerd-shim-runc-v2', 'containerd-shim -namespace moby', id),
    );
    this.running.push(...roots);
    while (this.running.length < processes) {
      const parent = this.random.below(4) === 0 ? this.random.pick(this.running) : this.random.pick(roots);
      const [path, command] = this.random.pick(programs);
      this.running.push(this.born(parent, path, `${command} #${this.random.below(40)}`, parent.containerId ?? ''));
    }
  }

  /** The agent's first batch of a stream: every process it found running. */
  snapshot(traceparent = ''): Uint8Array {
    return this.batch(
      this.running.map((process) => this.row(EventKind.PROCESS_SEEN, process, { path: process.imagePath })),
      traceparent,
    );
  }

  /** What happens next, as one batch of about this many events. */
  live(events = 400, traceparent = ''): Uint8Array {
    const rows: Row[] = [];
    const active = Array.from({ length: 24 }, () => this.random.pick(this.running));
    while (rows.length < events) {
      const dice = this.random.next();
      if (dice < 0.125) this.spawn(this.random.pick(active), rows);
      else if (dice < 0.9) rows.push(this.touch(this.random.pick(active)));
      else rows.push(this.connect(this.random.pick(active)));
    }
    return this.batch(rows, traceparent);
  }

  /** A child that runs a command and ends: three events and what it did in between. */
  private spawn(parent: ProcessEntry, rows: Row[]): void {
    const [path, command] = this.random.pick(commands);
    const forked = this.born(parent, parent.imagePath, parent.commandLine ?? '', parent.containerId ?? '');
    const child = { ...forked, imageNumber: 1, imagePath: path, commandLine: `${command} ${this.random.below(200)}` };
    rows.push(this.row(EventKind.FORK, forked), this.row(EventKind.EXEC, child, { path }));
    if (this.random.below(2) === 0) rows.push(this.touch(child));
    rows.push(this.row(EventKind.EXIT, child));
  }

  private touch(process: ProcessEntry): Row {
    const kind = this.random.pick(fileKinds);
    const path = `${this.random.pick(folders)}/${this.random.below(2) === 0 ? this.random.hex(16) : `part-${this.random.below(1024)}`}.dat`;
    return this.row(
      kind,
      process,
      kind === EventKind.FILE_RENAME ? { path, target: `${path}.old` } : { path, flags: 0o102 },
    );
  }

  private connect(process: ProcessEntry): Row {
    const kind = this.random.below(3) === 0 ? EventKind.NET_ACCEPT : EventKind.NET_CONNECT;
    const value = (443n << 16n) | BigInt(30_000 + this.random.below(20_000));
    return this.row(kind, process, {
      path: `10.0.${this.random.below(4)}.${this.random.below(250)}`,
      flags: (2 << 16) | 6,
      value,
    });
  }

  private row(kind: event.EventKind, process: ProcessEntry, more: Partial<Row> = {}): Row {
    this.nowUs += 1 + this.random.below(40);
    return { kind, timeUs: this.nowUs, process, ...more };
  }

  private born(
    parent: ProcessEntry | undefined,
    imagePath: string,
    commandLine: string,
    containerId: string,
  ): ProcessEntry {
    const pid = this.nextPid++;
    return {
      uid: this.random.bytes(16),
      parentUid: parent?.uid ?? new Uint8Array(16),
      pid,
      parentPid: parent?.pid ?? 0,
      startTimeUs: this.nowUs,
      imagePath,
      commandLine,
      workingDirectory: '/',
      containerId,
      userId: containerId === '' ? 0 : 33,
    };
  }

  private batch(rows: readonly Row[], traceparent: string): Uint8Array {
    const writer = new BatchWriter();
    for (const row of rows) writer.add(row);
    this.batchSeq += 1;
    return writer.finish({ streamId: this.streamId, batchSeq: this.batchSeq, bootId: this.bootId, traceparent });
  }
}
