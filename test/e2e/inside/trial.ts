// Files to lose, a container that harms them below the agent, and what of them is not as it was.
import { spawn } from 'node:child_process';
import { chmod, chown, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type Images, type Kind, call, imageOf } from './images.ts';

const unprivileged = ['--user', '1000:1000', '--cap-drop', 'ALL'];
export const levels = [
  { level: 1, name: 'no root, no capability', user: 1000, options: unprivileged },
  { level: 2, name: 'SYS_PTRACE', user: 1000, options: [...unprivileged, '--cap-add', 'SYS_PTRACE'] },
  {
    level: 3,
    name: 'root, SYS_PTRACE, NET_ADMIN',
    user: 0,
    options: ['--cap-add', 'SYS_PTRACE', '--cap-add', 'NET_ADMIN'],
  },
] as const;
export type Level = (typeof levels)[number];

export async function prepare({ simulator, folder }: Images, user: number, files: number): Promise<string> {
  const data = await mkdtemp(join(folder, 'data-'));
  await chown(data, user, user);
  await chmod(data, 0o755);
  await call(simulator, ['prepare', join(data, 'corpus'), '--files', String(files)], { uid: user, gid: user });
  return data;
}

export type Manifest = Record<string, object>;

export async function manifest({ simulator }: Images, data: string): Promise<Manifest> {
  const { stdout } = await call(simulator, ['manifest', join(data, 'corpus')], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as Manifest;
}

export function differences(before: Manifest, after: Manifest): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container with this command below the agent, to its end. */
export function run(kind: Kind, { options }: Level, { data, agent = [], command }: Run): Promise<Ended> {
  const mount = ['--volume', `${data}:/data`];
  const args = ['run', '--rm', '--network', 'none', ...options, ...mount, '--entrypoint', '/baldur', imageOf(kind)];
  return new Promise((resolve, reject) => {
    const child = spawn('docker', [...args, 'run', ...agent, '--', ...command]);
    const ended = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (ended.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (ended.stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ ...ended, exitCode: code ?? -1 });
    });
  });
}

export interface Run {
  readonly data: string;
  readonly agent?: readonly string[];
  readonly command: readonly string[];
}
