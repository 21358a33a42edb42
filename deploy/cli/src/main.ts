// `./norn COMMAND`: parses, runs, and says what went wrong in one sentence.
import { messageOf, NornError } from '@norn/base';
import { Command } from 'commander';
import { commands } from './commands.ts';

const program = new Command('norn')
  .description('Runtime protection for Linux hosts and containers')
  .showHelpAfterError('(./norn --help lists the commands)')
  .configureHelp({ showGlobalOptions: true });
for (const register of commands) register(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  const code = error instanceof NornError ? ` (${error.code})` : '';
  process.stderr.write(`norn: ${messageOf(error)}${code}\n`);
  if (!(error instanceof NornError) && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = 1;
}
