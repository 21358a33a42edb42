// Each in a process of its own: commander is for Node's modules alone.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const register = pathToFileURL(join(import.meta.dirname, '../../runtime/register.mjs')).href;
const naming = `
  import { Command } from 'commander';
  import { loadCommands } from './commands.ts';
  const program = new Command();
  for (const register of await loadCommands(...process.argv.slice(1))) register(program);
  console.log(JSON.stringify(program.commands.map((command) => command.name())));
`;

/** What is registered when so is asked: a name, and the file of trials. */
function namesOf(...asked: readonly string[]): string[] {
  const args = ['--import', register, '--input-type=module', '--eval', naming, '--', ...asked];
  const env = { ...process.env, NODE_OPTIONS: '' };
  return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, env }).toString()) as string[];
}

describe('the commands of ./norn', () => {
  it('are in a checkout those of an installation, and those that play attacks and measure', () => {
    const installed = namesOf('', '/nowhere/commands.ts');
    const all = namesOf();
    expect(installed).toEqual(expect.arrayContaining(['up', 'down', 'join', 'alerts', 'status', 'replay']));
    expect(all.filter((name) => !installed.includes(name))).toEqual(['attack', 'bench']);
    expect(all.filter((name) => installed.includes(name))).toEqual(installed);
  });

  it('are, when one is asked for, that one and its neighbours, and all when there is none of that name', () => {
    const all = namesOf();
    expect(namesOf('alert')).toEqual(['alerts', 'alert']);
    expect(namesOf('rejoin')).toEqual(['restore', 'kill', 'isolate', 'rejoin', 'undo', 'release', 'archive']);
    for (const asked of ['attack', 'record']) expect(namesOf(asked)).toContain(asked);
    expect(namesOf('help')).toEqual(all);
  });

  it('start from what was compiled before, in the folder of Norn alone, and forbid such a folder to what they start', () => {
    const folder = mkdtempSync(join(tmpdir(), 'norn-code-'));
    const env = { ...process.env, NODE_OPTIONS: '', NODE_DISABLE_COMPILE_CACHE: '1', NORN_CODE_CACHE: folder };
    const asked = "await import('./commands.ts'); console.log(process.env.NODE_DISABLE_COMPILE_CACHE)";
    const args = ['--import', register, '--input-type=module', '--eval', asked];
    expect(execFileSync(process.execPath, args, { cwd: import.meta.dirname, env }).toString()).toBe('1\n');
    expect(readdirSync(join(folder, 'compiled'))).not.toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
