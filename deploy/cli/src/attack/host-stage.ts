// An attack on the host, in a directory of its own below /srv (which is protected by default).
import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { outputBytesMax, run, type Stage, type StageOptions } from './stage.ts';

const hostFolder = '/srv/norn-attack';

export async function openHostStage({ binary, files, id }: StageOptions): Promise<Stage> {
  const corpus = join(hostFolder, id);
  await mkdir(hostFolder, { recursive: true });
  await run(binary, ['prepare', corpus, '--files', String(files)]);
  return {
    description: `directory ${corpus}`,
    containerId: '',
    corpus,
    ask: async (args) => (await run(binary, [...args], { maxBuffer: outputBytesMax })).stdout,
    launch: (line) => {
      // A session of its own: the attack must not be taken for the terminal that started it.
      const child = spawn('/bin/sh', ['-c', line], {
        detached: true,
        stdio: 'ignore',
        env: { PATH: `${dirname(binary)}:/usr/bin:/bin` },
      });
      child.unref();
      return Promise.resolve();
    },
    close: () => rm(corpus, { recursive: true, force: true }),
  };
}
