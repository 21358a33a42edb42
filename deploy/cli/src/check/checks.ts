// What `norn check` has Nx run: targets of projects, each with its inputs, so that what has not changed since is not checked again.
import { runCommand } from '@norn/embedded';
import { repository } from '../installation/installation.ts';

/** Arguments of one call of Nx. */
export type Check = readonly string[];

export async function checks(): Promise<Check[]> {
  return [
    ['run-many', '--targets', 'format,eslint,unused,proto,lint,typecheck,architecture'],
    ...(await breakingCheck()),
  ];
}

/** Against what was there before: main as it is elsewhere, else the commit before this one. The first commit breaks nothing. */
async function breakingCheck(): Promise<Check[]> {
  for (const reference of ['origin/main', 'HEAD~1']) {
    const found = await resolve(reference);
    if (!found || found === (await resolve('HEAD'))) continue;
    return [['run', 'norn:breaking', '--against', `.git#ref=${found},depth=10000`]];
  }
  return [];
}

async function resolve(reference: string): Promise<string | undefined> {
  try {
    const name = `${reference}^{commit}`;
    const output = await runCommand('git', ['-C', repository, 'rev-parse', '--verify', '--quiet', name]);
    return output.trim();
  } catch {
    return undefined; // No git here, or no such commit in this clone.
  }
}
