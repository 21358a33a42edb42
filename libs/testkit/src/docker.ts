// Docker for tests: the daemon that is there, or one that is started; images made here, since nothing can be pulled.
import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import { lock, runCommand } from '@norn/embedded';

const socketPath = '/var/run/docker.sock';
const startLock = '/tmp/dockerd.lock';
const daemonLog = '/tmp/dockerd.log';
/** Which daemon tests have started, and for whom. */
const startedFile = '/run/norn-dockerd.json';
/** Tells an image made here from one of the same name with less in it. */
const label = 'norn.test=root';
const readyWithinMs = 20_000;
const endsWithinMs = 20_000;
const pollMs = 100;

/** Resolves once a daemon answers; `endDocker` ends one that is started here. Throws `docker_missing`, `docker_not_started`. */
export async function ensureDocker(): Promise<void> {
  if (await dockerAnswers()) return;
  const release = await lock(startLock);
  try {
    if (!(await dockerAnswers())) await startDaemon();
  } finally {
    release();
  }
}

export function dockerAnswers(): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.once('error', () => {
      resolve(false);
    });
    ping.once('timeout', () => ping.destroy());
    ping.end();
  });
}

async function startDaemon(): Promise<void> {
  const log = openSync(daemonLog, 'a');
  const daemon = spawn('dockerd', ['--storage-driver', 'overlay2'], { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  daemon.unref();
  // A worker of Jest's is its parent's.
  writeFileSync(startedFile, JSON.stringify({ pid: daemon.pid, by: [process.pid, process.ppid] }), { mode: 0o600 });
  let problem = '';
  daemon.once('error', (error) => {
    problem = error.message;
  });
  const deadline = performance.now() + readyWithinMs;
  while (!(await dockerAnswers())) {
    if (problem !== '') throw new NornError('docker_missing', `No dockerd (${problem}): apt-get install docker.io`);
    if (performance.now() > deadline) {
      throw new NornError(
        'docker_not_started',
        `dockerd did not answer within ${readyWithinMs / 1000} s; its log is ${daemonLog}`,
      );
    }
    await sleep(pollMs);
  }
}

/** Ends the daemon that this process, or a worker of it, has started; leaves every other alone. Waits until it answers no more. */
export async function endDocker(): Promise<void> {
  if (!existsSync(startedFile)) return;
  const { pid, by } = JSON.parse(readFileSync(startedFile, 'utf8')) as { pid: number; by: readonly number[] };
  if (!by.includes(process.pid)) return;
  rmSync(startedFile);
  // Its pid may be another's by now.
  if (!isDockerd(pid)) return;
  process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + endsWithinMs;
  while (isDockerd(pid) && performance.now() < deadline) await sleep(pollMs);
}

function isDockerd(pid: number): boolean {
  const name = `/proc/${pid}/comm`;
  return existsSync(name) && readFileSync(name, 'utf8') === 'dockerd\n';
}

/** A root with a static busybox and its commands, by default `norn-test/busybox:latest`. Returns the name. */
export async function ensureImage(name = 'norn-test/busybox:latest'): Promise<string> {
  await ensureDocker();
  const release = await lock('/tmp/norn-test-image.lock');
  try {
    const known = await runCommand('docker', ['image', 'ls', '--quiet', '--filter', `label=${label}`, name]);
    if (known.trim() === '') await importBusybox(name);
    return name;
  } finally {
    release();
  }
}

async function importBusybox(name: string): Promise<void> {
  const busybox = '/bin/busybox';
  if (!existsSync(busybox)) {
    throw new NornError(
      'busybox_missing',
      'Images for tests are made of a static busybox: apt-get install busybox-static',
    );
  }
  const root = await mkdtemp(join(tmpdir(), 'norn-image-'));
  try {
    for (const folder of ['bin', 'etc', 'proc', 'sys', 'dev', 'srv', 'root', 'tmp']) await mkdir(join(root, folder));
    await chmod(join(root, 'tmp'), 0o1777);
    await copyFile(busybox, join(root, 'bin/busybox'));
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/srv:/bin/sh\n');
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nwww-data:x:33:\n');
    const applets = (await runCommand(busybox, ['--list']))
      .split('\n')
      .filter((applet) => /^[\w.-]+$/.test(applet) && applet !== 'busybox');
    for (const applet of applets) await symlink('busybox', join(root, 'bin', applet));
    const archive = join(root, '..', `${root.slice(root.lastIndexOf('/') + 1)}.tar`);
    await runCommand('tar', ['-C', root, '-cf', archive, '.']);
    await runCommand('docker', ['import', '--change', 'CMD ["/bin/sh"]', '--change', `LABEL ${label}`, archive, name]);
    await rm(archive);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
