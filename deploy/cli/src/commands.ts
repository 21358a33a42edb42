// Every command of `./norn`: a function that adds its own to the program, in the order of the help. A new one is one line here.
import type { Command } from 'commander';
import { registerAlertActions } from './api/alerts/alert-actions.ts';
import { registerAlertCommands } from './api/alerts/alerts.ts';
import { registerExceptionCommands } from './api/exceptions/exceptions.ts';
import { registerHostCommands } from './api/hosts/hosts.ts';
import { registerHuntCommand } from './api/hunt/command.ts';
import { registerPolicyCommand } from './api/policy/command.ts';
import { registerRulesCommand } from './api/rules/command.ts';
import { registerAttackCommand } from './attack/command.ts';
import { registerBenchCommand } from './bench/command.ts';
import { registerCheckCommand } from './check/command.ts';
import { registerSecretsCommand } from './compose/command.ts';
import { registerDeadLettersCommand } from './dead-letters/command.ts';
import { registerImagesCommand } from './images/command.ts';
import { registerJoinCommand } from './join/command.ts';
import { registerReplayCommands } from './replay/command.ts';
import { registerStatusCommand } from './status/command.ts';
import { registerTestCommand } from './test/command.ts';
import { registerInstallationCommands } from './up/command.ts';

export const commands: readonly ((program: Command) => void)[] = [
  registerInstallationCommands,
  registerJoinCommand,
  registerAttackCommand,
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
  registerBenchCommand,
];
