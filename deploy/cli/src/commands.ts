// Every command of `./norn`: a function that adds its own to the program. A new one is one line here.
import type { Command } from 'commander';
import { registerAttackCommand } from './attack/command.ts';
import { registerSecretsCommand } from './compose/command.ts';
import { registerAlertActions } from './commands/alert-actions.ts';
import { registerAlertCommands } from './commands/alerts.ts';
import { registerExceptionCommands } from './commands/exceptions.ts';
import { registerHostCommands } from './commands/hosts.ts';

import { registerBenchCommand } from './bench/command.ts';
import { registerCheckCommand } from './check/command.ts';
import { registerJoinCommand } from './join/command.ts';
import { registerImagesCommand } from './images/command.ts';
import { registerDeadLettersCommand } from './dead-letters/command.ts';
import { registerPolicyCommand } from './policy/command.ts';
import { registerHuntCommand } from './hunt/command.ts';
import { registerReplayCommands } from './replay/command.ts';
import { registerRulesCommand } from './rules/command.ts';
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
