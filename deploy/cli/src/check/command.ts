// `norn check`: format, types, what is unused, lint, layers, proto, clippy, as targets of Nx.
import type { Command } from 'commander';
import { write } from '../print/columns.ts';
import { provideSystem } from '../machine/provide-system.ts';
import { showNx } from '../test/run.ts';
import { checks, type Check } from './checks.ts';

export function registerCheckCommand(program: Command): void {
  program
    .command('check')
    .description('Format, lint, types, layers, proto, clippy: what must hold before anything is tested')
    .action(check);
}

async function check(): Promise<void> {
  const begun = performance.now();
  await provideSystem({ browser: false, containers: false, hooked: false });
  const failed = await countFailed(await checks());
  write(`\n${failed === 0 ? 'All checks passed' : 'Checks failed, see above'}, in ${seconds(begun)}`);
  if (failed > 0) process.exitCode = 1;
}

async function countFailed(all: readonly Check[]): Promise<number> {
  let failed = 0;
  for (const one of all) {
    if ((await showNx(one)) !== 0) failed += 1;
  }
  return failed;
}

function seconds(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}
