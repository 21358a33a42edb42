// Starts a program as if somebody else had: this command is a Node program, and rules excuse much of what build tools start.
import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Ended, Started } from './stage.ts';

/** As many ancestors as a rule sees the paths of: with this many shells between, it sees nothing of Node. */
const shellsBetween = 8;

/** Calls itself until the number is 0, then what follows it. The end keeps a shell from becoming the next one. */
const nested =
  'if [ "$1" -gt 0 ]; then n=$(($1 - 1)); shift; /bin/sh -c "$0" "$0" "$n" "$@"; else shift; "$@"; fi; exit $?';

/** The pid is the first shell's. What the program prints goes to a file: a pipe of Node's is a socket, and a shell on a socket is an attack. */
export async function startApart(command: readonly string[], workDir: string): Promise<Started> {
  const log = join(workDir, `action-${randomBytes(4).toString('hex')}.log`);
  const output = await open(log, 'w');
  const child = spawn('/bin/sh', ['-c', nested, nested, String(shellsBetween), ...command], {
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
    // The command's own settings are nobody else's business.
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve);
    child.once('error', reject);
  });
  return { pid: child.pid ?? 0, ended: ended.then((code) => endedWith(code, log)).finally(() => output.close()) };
}

async function endedWith(code: number | null, log: string): Promise<Ended> {
  const printed = await readFile(log, 'utf8');
  await rm(log, { force: true });
  return { code, printed };
}
