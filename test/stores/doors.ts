// What processes listen on, as the kernel knows it: a port that somebody opens tomorrow is found too.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const listening = '0A';

/** TCP ports, IPv4 and IPv6, of these processes. Format: Documentation/networking/proc_net_tcp.rst in the Linux sources. */
export function listeningPorts(pids: readonly number[]): number[] {
  const own = new Set(pids.flatMap(socketsOf));
  const ports = ['tcp', 'tcp6'].flatMap((table) =>
    linesOf(`/proc/net/${table}`)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === listening && own.has(fields[9] ?? ''))
      .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)),
  );
  return [...new Set(ports)].sort((one, other) => one - other);
}

/** Paths of unix sockets that these processes hold; an abstract one begins with "@". */
export function unixSockets(pids: readonly number[]): string[] {
  const own = new Set(pids.flatMap(socketsOf));
  const paths = linesOf('/proc/net/unix')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => own.has(fields[6] ?? '') && fields[7] !== undefined)
    .map((fields) => fields[7] ?? '');
  return [...new Set(paths)];
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
    return inode === undefined ? [] : [inode];
  });
}

/** Empty: closed since it was listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function linesOf(table: string): string[] {
  return readFileSync(table, 'utf8').split('\n').slice(1);
}
