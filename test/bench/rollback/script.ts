// Runs a recipe's script in a session of its own, as a scheduler would, and says how it ended.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import type { Ending } from './work-figures.ts';

const scriptMsMax = 120_000;
const saidBytesMax = 4_096;
const saidCharactersMax = 160;

export interface Script {
  readonly text: string;
  readonly folder: string;
}

/** `onStart` is told the shell's pid. A script that takes too long is ended with all it started. */
export function runScript({ text, folder }: Script, onStart: (pid: number) => void = () => undefined): Promise<Ending> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    // Not `-c TEXT`: the text would be the command line of the shell, and rules read that.
    const child = spawn('bash', ['-euo', 'pipefail', '-s'], {
      cwd: folder,
      env: { ...processEnvironment(), CORPUS: join(folder, 'corpus'), LC_ALL: 'C.UTF-8' },
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    const pid = child.pid ?? 0;
    const late = setTimeout(() => process.kill(-pid, 'SIGTERM'), scriptMsMax);
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-saidBytesMax)));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      resolve({
        code,
        signal,
        ms: performance.now() - startedMs,
        said: said.replace(/\s+/g, ' ').trim().slice(-saidCharactersMax),
      });
    });
    if (pid > 0) onStart(pid);
    child.stdin.end(text);
  });
}
