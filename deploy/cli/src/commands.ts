// Every command of `./norn`: a function that adds its own to the program, in the order of the help. A new one is one line here. Only those that were
// asked for are loaded: each stands on libraries that take longer to load than a command takes to run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { repository } from './installation/installation.ts';

type Register = (program: Command) => void;

/** Where a checkout has the commands that play attacks and measure. They stand on this command line, so it knows them by their place and names alone. */
const trialsFile = join(repository, 'test/commands.ts');

interface Trials {
  readonly attack?: () => Promise<Register>;
  readonly bench?: () => Promise<Register>;
}

interface Group {
  /** What it adds. A name that is missing here is found, only later. */
  readonly names: readonly string[];
  readonly load: () => Promise<Register>;
}

function groupsWith({ attack, bench }: Trials): readonly Group[] {
  return [
    {
      names: ['up', 'down', 'login', 'doctor'],
      load: async () => (await import('./up/command.ts')).registerInstallationCommands,
    },
    { names: ['join'], load: async () => (await import('./join/command.ts')).registerJoinCommand },
    ...(attack ? [{ names: ['attack'], load: attack }] : []),
    { names: ['alerts', 'alert'], load: async () => (await import('./api/alerts/alerts.ts')).registerAlertCommands },
    {
      names: ['restore', 'kill', 'isolate', 'rejoin', 'undo', 'release', 'archive'],
      load: async () => (await import('./api/alerts/alert-actions.ts')).registerAlertActions,
    },
    { names: ['hosts', 'quarantine'], load: async () => (await import('./api/hosts/hosts.ts')).registerHostCommands },
    { names: ['status'], load: async () => (await import('./status/command.ts')).registerStatusCommand },
    { names: ['rules'], load: async () => (await import('./api/rules/command.ts')).registerRulesCommand },
    {
      names: ['exceptions'],
      load: async () => (await import('./api/exceptions/exceptions.ts')).registerExceptionCommands,
    },
    { names: ['audit'], load: async () => (await import('./api/audit/command.ts')).registerAuditCommand },
    { names: ['policy'], load: async () => (await import('./api/policy/command.ts')).registerPolicyCommand },
    { names: ['hunt'], load: async () => (await import('./api/hunt/command.ts')).registerHuntCommand },
    { names: ['replay', 'record'], load: async () => (await import('./replay/command.ts')).registerReplayCommands },
    {
      names: ['deadletters'],
      load: async () => (await import('./dead-letters/command.ts')).registerDeadLettersCommand,
    },
    { names: ['images'], load: async () => (await import('./images/command.ts')).registerImagesCommand },
    { names: ['secrets'], load: async () => (await import('./secrets/command.ts')).registerSecretsCommand },
    { names: ['check'], load: async () => (await import('./check/command.ts')).registerCheckCommand },
    { names: ['test'], load: async () => (await import('./test/command.ts')).registerTestCommand },
    ...(bench ? [{ names: ['bench'], load: bench }] : []),
  ];
}

/** Those that have the command; all of them when no name is given or none has it. Where there is no file of trials, there are no such commands. */
export async function loadCommands(name = '', trials = trialsFile): Promise<readonly Register[]> {
  const groups = groupsWith(await loadTrials(trials));
  const asked = groups.filter(({ names }) => names.includes(name));
  return Promise.all((asked.length > 0 ? asked : groups).map(({ load }) => load()));
}

async function loadTrials(file: string): Promise<Trials> {
  if (!existsSync(file)) return {};
  const { commands } = (await import(file)) as { readonly commands: Trials };
  return commands;
}
