// Which ports are free, and who has those that are not.
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { NornError } from '@norn/base';

/** Throws `port_taken` naming the port, what it was for, its owner when that can be seen, and the way out. */
export async function assertPortFree(port: number, purpose: string): Promise<void> {
  if (await isPortFree(port)) return;
  const owner = portOwner(port);
  throw new NornError(
    'port_taken',
    `Port ${port} (${purpose}) is taken${owner ? ` by ${owner}` : ''}: stop that, or set NORN_PORT_BASE to move all of Norn's ports`,
  );
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/**
 * Below those that outgoing connections get (ip_local_port_range of ip(7), 32768 and up by default): one of them could have the port before its
 * listener does.
 */
const portsFrom = 10_240;
const portsBelow = 32_768;

/** Ports on loopback that nothing listened on a moment ago; asked for together they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(portsFrom, portsBelow);
    if (await isPortFree(port)) ports.add(port);
  }
  return [...ports];
}

/** `java (pid 4121)`, or undefined where /proc does not tell. */
export function portOwner(port: number): string | undefined {
  const inodes = new Set([...listeners('/proc/net/tcp', port), ...listeners('/proc/net/tcp6', port)]);
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!holdsSocket(pid, inodes)) continue;
    return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`;
  }
  return undefined;
}

const listening = '0A';

// Format: Documentation/networking/proc_net_tcp.rst in the Linux sources.
function listeners(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return read(table)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === listening)
    .map((fields) => fields[9] ?? '');
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false; // The process is gone, or is not ours to see.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
