// What `norn check` runs: each a command with a name, in the order in which a failure is cheapest to know.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@norn/embedded';
import { repository } from '../up/installation.ts';

export interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

const agent = join(repository, 'native-agent');
const packaged = (path: string): string => join(repository, 'node_modules', path);

function node(name: string, script: string, ...args: string[]): Check {
  return { name, command: process.execPath, args: [packaged(script), ...args], cwd: repository };
}

function cargo(name: string, ...args: string[]): Check {
  return { name, command: 'cargo', args, cwd: agent };
}

/** One after another: eslint asks nx for the graph that the check before it has made. */
export async function typeScriptChecks(): Promise<Check[]> {
  const consoleConfig = join(repository, 'services/console/tsconfig.json');
  return [
    node('format', 'prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
    node('types', 'typescript-7/bin/tsc', '-p', '.'),
    ...(existsSync(consoleConfig) ? [node('types of the console', 'typescript-7/bin/tsc', '-p', consoleConfig)] : []),
    node('project graph', 'nx/dist/bin/nx.js', 'show', 'projects'),
    node('lint', 'eslint/bin/eslint.js', '.', '--max-warnings', '0'),
    node('proto lint', '@bufbuild/buf/bin/buf', 'lint'),
    ...(await breakingCheck()),
    node('architecture', 'jest/bin/jest.js', '--silent', 'test/architecture'),
  ];
}

export function rustChecks(): Check[] {
  return [
    cargo('rust format', 'fmt', '--all', '--check'),
    cargo('clippy', 'clippy', '--workspace', '--all-targets', '--locked', '--quiet', '--', '-D', 'warnings'),
  ];
}

// Against what was there before: main as it is elsewhere, else the commit before this one. The first commit breaks nothing.
async function breakingCheck(): Promise<Check[]> {
  for (const reference of ['origin/main', 'HEAD~1']) {
    const found = await resolve(reference);
    if (!found || found === (await resolve('HEAD'))) continue;
    return [node('proto breaking', '@bufbuild/buf/bin/buf', 'breaking', '--against', `.git#ref=${found},depth=10000`)];
  }
  return [];
}

async function resolve(reference: string): Promise<string | undefined> {
  try {
    const output = await runCommand('git', [
      '-C',
      repository,
      'rev-parse',
      '--verify',
      '--quiet',
      `${reference}^{commit}`,
    ]);
    return output.trim();
  } catch {
    return undefined; // No git here, or no such commit in this clone.
  }
}
