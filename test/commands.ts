// The commands of `./norn` that play attacks and measure. They stand on the command line, which finds them here by their names.
export const commands = {
  attack: async () => (await import('./attack/command.ts')).registerAttackCommand,
  bench: async () => (await import('./bench/command.ts')).registerBenchCommand,
};
