import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const register = fileURLToPath(new URL('../../../deploy/runtime/register.mjs', import.meta.url));
const logger = fileURLToPath(new URL('logger.ts', import.meta.url));

describe('a log without room', () => {
  it('ends nobody: the process goes on', async () => {
    const full = openSync('/dev/full', 'w');
    const program = `
      import { createLogger } from ${JSON.stringify(logger)};
      const log = createLogger('test');
      let turn = 0;
      setInterval(() => { log.info('said'); if (++turn === 20) process.stderr.write('still here'); }, 10);`;
    const child = spawn(process.execPath, ['--import', register, '--input-type=module', '-e', program], {
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    let told = '';
    const ended = new Promise<void>((resolve) =>
      child.once('exit', () => {
        resolve();
      }),
    );
    const goesOn = new Promise<void>((resolve) => {
      child.stderr?.on('data', (text: Buffer) => {
        told += text.toString();
        if (told.includes('still here')) resolve();
      });
    });
    await Promise.race([goesOn, ended]);
    child.kill('SIGKILL');
    await ended;
    expect(told).toBe('still here');
  });
});
