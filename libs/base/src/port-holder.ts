// Who answers on a port of this machine: before a secret is told there, it must be the process that was started for it. Any user may take
// a port that is free for a moment. Format: Documentation/networking/proc_net_tcp.rst in the Linux sources.
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from './error.ts';

/** As the kernel's table has it. */
interface Row {
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly uid: string;
  readonly inode: string;
}

const listening = '0A';
/** Nobody has taken the connection out of the queue yet. */
const notAccepted = '0';
const acceptedWithinMs = 5_000;
const pollMs = 5;
const tableEveryMs = 250;

/** True when the process listens on the port, and nobody else does. */
export function isListener(pid: number, port: number): boolean {
  const own = socketsOf(pid);
  return areAll(port, ({ inode }) => own.has(inode));
}

/** True when processes of that user listen on the port, and nobody else does. */
export function isListenerOf(uid: number, port: number): boolean {
  return areAll(port, (row) => row.uid === String(uid));
}

function areAll(port: number, isRight: (row: Row) => boolean): boolean {
  const rows = rowsOf(tcpTables()).filter(({ local, state }) => state === listening && portOf(local) === port);
  return rows.length > 0 && rows.every(isRight);
}

/**
 * Who has the other ends of connections that came over this machine's loopback. However many come, the kernel's table is read at most four times
 * a second: those that come meanwhile wait for the next reading, and share it.
 */
export class LoopbackUsers {
  private next: Promise<string> | undefined;
  private readAt = -Infinity;

  /** User id; undefined when the other end is gone, or from elsewhere. */
  async userOf({ localPort = 0, remotePort = 0 }: Socket): Promise<number | undefined> {
    const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
    // Number, both addresses, state, queues, timers, retransmissions, user.
    const row = new RegExp(`:${hex(remotePort)} [0-9A-F]+:${hex(localPort)} \\S+ \\S+ \\S+ \\S+ +(\\d+) `);
    const user = row.exec(await (this.next ??= this.read()))?.[1];
    return user === undefined ? undefined : Number(user);
  }

  private async read(): Promise<string> {
    const waitMs = this.readAt + tableEveryMs - performance.now();
    await sleep(Math.max(0, waitMs));
    // Whoever comes from here on may be missing in it.
    this.next = undefined;
    this.readAt = performance.now();
    const tables = await Promise.all(tcpTables().map((table) => readFile(table, 'latin1')));
    return tables.join('');
  }
}

/**
 * Resolves when the other end of a connection over 127.0.0.1 is held by the process. Throws `port_taken` when it is another's,
 * `port_full` when nobody has taken it within five seconds, or it was closed.
 */
export async function assertHolder(pid: number, socket: Socket): Promise<void> {
  const { localPort, remotePort } = socket;
  const deadline = performance.now() + acceptedWithinMs;
  for (;;) {
    const far = rowsOf(tcpTables()).find(
      ({ local, remote, state }) => state !== listening && portOf(local) === remotePort && portOf(remote) === localPort,
    );
    if (far !== undefined && far.inode !== notAccepted) {
      if (socketsOf(pid).has(far.inode)) return;
      const what = `127.0.0.1:${remotePort} is answered by another process than ${pid}`;
      throw new NornError('port_taken', `${what}, so nothing was told there: see who listens (ss -ltnp)`);
    }
    if (socket.destroyed || socket.readableEnded || performance.now() > deadline) {
      const what = `127.0.0.1:${remotePort} did not take the connection`;
      throw new NornError('port_full', `${what}: see whether somebody holds all that it has (ss -tnp)`);
    }
    await sleep(pollMs);
  }
}

/** Inodes of the sockets that a process of this user has; none when it is another's, or gone. */
function socketsOf(pid: number): ReadonlySet<string> {
  const found = new Set<string>();
  try {
    if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) return found;
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) found.add(inode);
    }
  } catch {
    return found; // It has ended.
  }
  return found;
}

/** Empty: closed since it was listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** A kernel that was started without IPv6 has one. */
function tcpTables(): string[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].filter((table) => existsSync(table));
}

function rowsOf(tables: readonly string[]): Row[] {
  const lines = tables.flatMap((table) => readFileSync(table, 'latin1').split('\n').slice(1));
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [, local = '', remote = '', state = '', , , , uid = '', , inode = ''] = line.trim().split(/\s+/);
      return { local, remote, state, uid, inode };
    });
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}
