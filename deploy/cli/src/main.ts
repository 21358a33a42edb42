// `./norn COMMAND`: parses, runs, and says what went wrong in one sentence.
import { messageOf, NornError } from '@norn/base';
import { Command, CommanderError } from 'commander';
import { loadCommands } from './commands.ts';
import { note } from './print/columns.ts';
import { watchOutput } from './print/output.ts';
import { visibleText } from './print/visible.ts';

watchOutput();

const program = new Command('norn')
  .description('Runtime protection for Linux hosts and containers')
  .showHelpAfterError('(./norn --help lists the commands)')
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ writeErr: (text) => process.stderr.write(visibleText(text)) })
  // It would end the process before it is known that what it wrote could not be written.
  .exitOverride();
for (const register of await loadCommands(process.argv[2])) register(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else tell(error);
}

function tell(error: unknown): void {
  const code = error instanceof NornError ? ` (${error.code})` : '';
  note(`norn: ${messageOf(error)}${code}`);
  if (!(error instanceof NornError) && error instanceof Error) note(error.stack ?? '');
  process.exitCode = 1;
}
