// Who answers on a port of this machine: before a secret is told there, it must be the process that was started for it. Any user may take
// a port that is free for a moment. Format: Documentation/networking/proc_net_tcp.rst in the Linux sources.
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
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
  const rows = rowsOf('tcp', 'tcp6').filter(({ local, state }) => state === listening && portOf(local) === port);
  return rows.length > 0 && rows.every(isRight);
}

/** User id of who has the other end of a connection that came over this machine's loopback; undefined when it is gone, or from elsewhere. */
export function userOf({ localPort, remotePort }: Socket): number | undefined {
  const far = rowsOf('tcp', 'tcp6').find(
    ({ local, remote }) => portOf(local) === remotePort && portOf(remote) === localPort,
  );
  return far === undefined ? undefined : Number(far.uid);
}

/**
 * Resolves when the other end of a connection over 127.0.0.1 is held by the process. Throws `port_taken` when it is another's,
 * `port_full` when nobody has taken it within five seconds, or it was closed.
 */
export async function assertHolder(pid: number, socket: Socket): Promise<void> {
  const { localPort, remotePort } = socket;
  const deadline = performance.now() + acceptedWithinMs;
  for (;;) {
    const far = rowsOf('tcp').find(
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

function rowsOf(...tables: readonly string[]): Row[] {
  const lines = tables.flatMap((table) => readFileSync(`/proc/net/${table}`, 'latin1').split('\n').slice(1));
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
