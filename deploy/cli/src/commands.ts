// Every command of `./norn`: a function that adds its own to the program, in the order of the help. A new one is one line here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { registerAlertActions } from './api/alerts/alert-actions.ts';
import { registerAlertCommands } from './api/alerts/alerts.ts';
import { registerExceptionCommands } from './api/exceptions/exceptions.ts';
import { registerHostCommands } from './api/hosts/hosts.ts';
import { registerHuntCommand } from './api/hunt/command.ts';
import { registerPolicyCommand } from './api/policy/command.ts';
import { registerRulesCommand } from './api/rules/command.ts';
import { registerCheckCommand } from './check/command.ts';
import { registerSecretsCommand } from './compose/command.ts';
import { registerDeadLettersCommand } from './dead-letters/command.ts';
import { registerImagesCommand } from './images/command.ts';
import { registerJoinCommand } from './join/command.ts';
import { registerReplayCommands } from './replay/command.ts';
import { registerStatusCommand } from './status/command.ts';
import { registerTestCommand } from './test/command.ts';
import { registerInstallationCommands } from './up/command.ts';
import { repository } from './installation/installation.ts';

type Register = (program: Command) => void;

/** Where a checkout has the commands that play attacks and measure. They stand on this command line, so it knows them by their place and names alone. */
const trialsFile = join(repository, 'test/commands.ts');

interface Trials {
  readonly attack?: Register;
  readonly bench?: Register;
}

/** Where there is no file of trials, there are no such commands. */
export async function loadCommands(trials = trialsFile): Promise<readonly Register[]> {
  const { attack, bench } = await loadTrials(trials);
  return [
    registerInstallationCommands,
    registerJoinCommand,
    ...(attack ? [attack] : []),
    registerAlertCommands,
    registerAlertActions,
    registerHostCommands,
    registerStatusCommand,
    registerRulesCommand,
    registerExceptionCommands,
    registerPolicyCommand,
    registerHuntCommand,
    registerReplayCommands,
    registerDeadLettersCommand,
    registerImagesCommand,
    registerSecretsCommand,
    registerCheckCommand,
    registerTestCommand,
    ...(bench ? [bench] : []),
  ];
}

async function loadTrials(file: string): Promise<Trials> {
  if (!existsSync(file)) return {};
  const { commands } = (await import(file)) as { readonly commands: Trials };
  return commands;
}
