// `norn up`, `norn down`, `norn login`, `norn doctor`.
import type { Command } from 'commander';
import { write } from '../print/columns.ts';
import { findInstallation } from '../installation/installation.ts';

interface Up {
  readonly detach?: boolean;
  readonly install?: boolean;
  readonly separate?: boolean;
  readonly agent: boolean;
  readonly compose?: boolean;
}

export function registerInstallationCommands(program: Command): void {
  program
    .command('up')
    .description('Start Norn on this machine: install what is missing, build, run, protect this host')
    .option('-d, --detach', 'go on in the background; ./norn down stops it')
    .option('--install', 'by systemd: now and at every boot, before containers are started')
    .option('--separate', 'one process for each stage')
    .option('--no-agent', 'the installation alone, without protecting this host')
    .option('--compose', 'the installation alone, each stage and store a container; goes on in the background')
    .action(async (options: Up) => {
      if (options.compose === true) {
        const { composeUp } = await import('../compose/up.ts');
        await composeUp();
        return;
      }
      const { up } = await import('./up.ts');
      const { detach = false, separate = false, install = false, agent: withAgent } = options;
      await up({ detach, separate, withAgent, install });
    });
  program
    .command('down [file]')
    .description(
      'Stop everything that ./norn up or join started, and nothing else. On a host that has joined, FILE holds its maintenance token, - is standard input',
    )
    .option('--compose', 'what ./norn up --compose started')
    .option('--erase', 'with --compose: what was stored, too')
    .option('--uninstall', 'what --install did, too: it is not started at the next boot')
    .action(async (file: string | undefined, options: { compose?: boolean; erase?: boolean; uninstall?: boolean }) => {
      if (options.compose === true) {
        const { composeDown } = await import('../compose/up.ts');
        await composeDown(options.erase === true);
        return;
      }
      const { down } = await import('./down.ts');
      write(await down(findInstallation(), { tokenFile: file, forGood: options.uninstall, rejoins: true }));
    });
  program
    .command('login')
    .description('Print a new one-time link into the console')
    .option('--compose', 'of what ./norn up --compose started')
    .action(async (options: { compose?: boolean }) => {
      if (options.compose === true) {
        const { composeLoginLink } = await import('../compose/up.ts');
        write(await composeLoginLink());
        return;
      }
      const { createLoginLink } = await import('./login-link.ts');
      write(await createLoginLink(findInstallation()));
    });
  program
    .command('doctor')
    .description('What is missing on this machine, why it is needed, and what gets it')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const { doctor } = await import('./doctor.ts');
      await doctor(options.json === true);
    });
}
