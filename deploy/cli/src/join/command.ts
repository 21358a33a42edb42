// `norn join`.
import type { Command } from 'commander';

export function registerJoinCommand(program: Command): void {
  program
    .command('join [file]')
    .description(
      'Make this machine a host of an installation elsewhere, and protect it; ./norn down stops that. FILE holds the invitation, - is standard input',
    )
    .option('--home <folder>', 'where its state lives, instead of NORN_HOME')
    .option('--install', 'by systemd: now and at every boot, before containers are started')
    .action(async (file: string | undefined, { home, install = false }: { home?: string; install?: boolean }) => {
      const { join } = await import('./join.ts');
      await join(file, { folder: home, install });
    });
}
