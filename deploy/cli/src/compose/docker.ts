// Docker and Compose on a machine that has none yet.
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '@norn/embedded';
import { requireDocker } from '../images/docker.ts';
import { findCommand, installPackages, isThere } from '../machine/packages.ts';

const startsWithinMs = 20_000;
const pollMs = 500;

/** Installs what is missing and starts the daemon when it does not answer. Throws `packages_missing`, `docker_missing`. */
export async function provideDocker(onLine: (line: string) => void): Promise<void> {
  const missing = isThere('docker') ? [] : ['docker.io'];
  if (!isThere('docker-compose') && !(await succeeds('docker', 'compose', 'version'))) missing.push('docker-compose');
  if (missing.length > 0) onLine(`installing ${missing.join(' and ')}`);
  await installPackages(missing, onLine);
  if (!(await answers())) await startDaemon(onLine);
  await requireDocker();
}

/** The plugin of the command line, else the program of its own; undefined when there is neither. */
export async function composeWords(): Promise<string[] | undefined> {
  if (await succeeds('docker', 'compose', 'version')) return ['docker', 'compose'];
  return findCommand('docker-compose') ? ['docker-compose'] : undefined;
}

/** As the machine starts its services. */
async function startDaemon(onLine: (line: string) => void): Promise<void> {
  onLine('starting Docker');
  if (!(await succeeds('service', 'docker', 'start'))) return;
  const deadline = performance.now() + startsWithinMs;
  while (!(await answers()) && performance.now() < deadline) await sleep(pollMs);
}

function answers(): Promise<boolean> {
  return succeeds('docker', 'version', '--format', '{{.Server.Version}}');
}

function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return runCommand(command, args).then(
    () => true,
    () => false,
  );
}
