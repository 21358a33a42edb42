// `norn join`.
import type { Command } from 'commander';

export function registerJoinCommand(program: Command): void {
  program
    .command('join [invitation]')
    .description('Make this machine a host of an installation elsewhere, and protect it; ./norn down stops that')
    .option('--home <folder>', 'where its state lives, instead of NORN_HOME')
    .action(async (invitation: string | undefined, { home }: { home?: string }) => {
      const { join } = await import('./join.ts');
      await join(invitation, home);
    });
}
