// What baldur is started with.
import { join } from 'node:path';

export interface BaldurSettings {
  readonly agentDir: string;
  readonly socket: string;
  readonly protectedPaths: readonly string[];
  /** Somebody chose them: one that is not there is a mistake, or comes later, and is told of. */
  readonly pathsAreChosen: boolean;
  readonly keptPaths: readonly string[];
  readonly canaries: readonly string[];
  readonly hookedPrograms: readonly string[];
  readonly hookSuspects: boolean;
}

/** Where baldur keeps the vault and its journal. */
export function stateOf(agentDir: string): string {
  return join(agentDir, 'baldur');
}

export function baldurArguments(settings: BaldurSettings): string[] {
  const each = (flag: string, values: readonly string[]): string[] => values.flatMap((value) => [flag, value]);
  return [
    ...['run', '--socket', settings.socket, '--state-dir', stateOf(settings.agentDir)],
    ...each('--protect', settings.protectedPaths),
    ...(settings.pathsAreChosen ? ['--tell-missing'] : []),
    ...each('--keep', settings.keptPaths),
    ...each('--canary', settings.canaries),
    ...each('--hook', settings.hookedPrograms),
    ...(settings.hookSuspects ? ['--hook-suspects'] : []),
  ];
}
