// The commands of `./norn` that play attacks and measure. They stand on the command line, which finds them here by their names.
import { registerAttackCommand } from './attack/command.ts';
import { registerBenchCommand } from './bench/command.ts';

export const commands = { attack: registerAttackCommand, bench: registerBenchCommand };
