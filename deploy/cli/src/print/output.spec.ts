// A command whose output nobody reads on, or that can not be written: as a process of its own, as the shell starts it.
import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const register = pathToFileURL(join(import.meta.dirname, '../../../runtime/register.mjs')).href;
const fileOf = (name: string): string => pathToFileURL(join(import.meta.dirname, name)).href;
const begin = `
  import { watchOutput, holdingOn, endIfUnread } from '${fileOf('output.ts')}';
  import { write } from '${fileOf('columns.ts')}';
  import { setImmediate as turn } from 'node:timers/promises';
  watchOutput();`;

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

async function run(args: readonly string[], stdout: 'closed' | number): Promise<Ended> {
  const stdio: StdioOptions = ['ignore', stdout === 'closed' ? 'pipe' : stdout, 'pipe'];
  const child = spawn(process.execPath, ['--import', register, ...args], {
    stdio,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.stdout?.destroy();
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  return { code: child.exitCode, said };
}

const script = (text: string): string[] => ['--input-type=module', '-e', `${begin}\n${text}`];

async function toFullDisk(args: readonly string[]): Promise<Ended> {
  const full = openSync('/dev/full', 'w');
  try {
    return await run(args, full);
  } finally {
    closeSync(full);
  }
}

describe('what a command writes', () => {
  it('ends it without a word when nobody reads on', async () => {
    const lines = script(`for (;;) { write('a line'); await turn(); }`);
    expect(await run(lines, 'closed')).toEqual({ code: 141, said: '' });
  });

  it('ends work that must not stop half-way only where it may', async () => {
    const work = script(`await holdingOn(async () => {
      write('a line'); await turn(); await turn();
      console.error('noted');
      endIfUnread();
      console.error('went on');
    });`);
    expect(await run(work, 'closed')).toEqual({ code: 141, said: 'noted\n' });
  });

  it('says in one line that it can not be written, for any command', async () => {
    const sentence = /^norn: The output could not be written: ENOSPC[^\n]*\n$/;
    const main = join(import.meta.dirname, '../main.ts');
    expect(await toFullDisk([main, '--help'])).toEqual({ code: 1, said: expect.stringMatching(sentence) });
    expect(await run([main, '--help'], 'closed')).toEqual({ code: 141, said: '' });
  });
});
