// An attack on the host, in a directory of its own below /srv (which is protected by default).
import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { actionsFolder } from './rootfs.ts';
import { hostFolder, outputBytesMax, run, type Stage, type StageOptions } from './stage.ts';
import { startApart } from './start-apart.ts';

export async function openHostStage({ binary, workDir, files, id }: StageOptions): Promise<Stage> {
  const corpus = await prepareHostCorpus({ binary, files, id });
  const sessions: number[] = [];
  return {
    description: `directory ${corpus}`,
    containerId: '',
    corpus,
    ask: async (args) => (await run(binary, [...args], { maxBuffer: outputBytesMax })).stdout,
    launch: (line) => {
      // A session of its own: the attack must not be taken for the terminal that started it. And a starter of its own:
      // what one process starts again and again is one attack that comes back.
      const child = spawn('/bin/sh', ['-c', '/bin/sh -c "$1"; :', 'starter', line], {
        detached: true,
        stdio: 'ignore',
        env: { PATH: `${dirname(binary)}:/usr/bin:/bin` },
      });
      child.unref();
      if (child.pid) sessions.push(child.pid);
      return Promise.resolve();
    },
    actions: actionsFolder,
    start: (command) => startApart(command, workDir),
    close: async () => {
      sessions.forEach(endSession);
      await rm(corpus, { recursive: true, force: true });
      // Where ciphertext was made elsewhere: who is killed leaves it.
      await rm(join(tmpdir(), `norn-attack-${id}`), { recursive: true, force: true });
    },
  };
}

/** Makes a corpus on the host and returns its path. */
export async function prepareHostCorpus(options: Pick<StageOptions, 'binary' | 'files' | 'id'>): Promise<string> {
  const corpus = join(hostFolder, options.id);
  await mkdir(hostFolder, { recursive: true });
  await run(options.binary, ['prepare', corpus, '--files', String(options.files)]);
  return corpus;
}

/** An attack that nobody stopped; one that was is gone already. */
function endSession(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
