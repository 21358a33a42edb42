// Each in a process of its own: commander is for Node's modules alone.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const register = pathToFileURL(join(import.meta.dirname, '../../runtime/register.mjs')).href;
const naming = `
  import { Command } from 'commander';
  import { loadCommands } from './commands.ts';
  const program = new Command();
  for (const register of await loadCommands(process.argv[1])) register(program);
  console.log(JSON.stringify(program.commands.map((command) => command.name())));
`;

function namesOf(...trials: readonly string[]): string[] {
  const args = ['--import', register, '--input-type=module', '--eval', naming, '--', ...trials];
  const env = { ...process.env, NODE_OPTIONS: '' };
  return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, env }).toString()) as string[];
}

describe('the commands of ./norn', () => {
  it('are in a checkout those of an installation, and those that play attacks and measure', () => {
    const installed = namesOf('/nowhere/commands.ts');
    const all = namesOf();
    expect(installed).toEqual(expect.arrayContaining(['up', 'down', 'join', 'alerts', 'status', 'replay']));
    expect(all.filter((name) => !installed.includes(name))).toEqual(['attack', 'bench']);
    expect(all.filter((name) => installed.includes(name))).toEqual(installed);
  });
});
