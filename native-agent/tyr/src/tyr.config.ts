// What tyr is told: where it keeps things, where baldur and the installation are, how much it may keep.
import { type Environment, loadConfig, settings } from '@norn/config';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { BaldurSettings } from './baldur/arguments.ts';

const schema = z.object({
  agentDir: settings.agentDir,
  agentSocket: settings.agentSocket,
  agentInside: settings.agentInside,
  baldurPath: settings.baldurPath,
  ingestAddress: settings.ingestAddress,
  enrolAddress: settings.enrolAddress,
  ingestName: settings.ingestName,
  authorityFile: settings.authorityFile,
  joinTokenFile: settings.joinTokenFile,
  spoolBytesMax: settings.spoolBytesMax,
  batchBytesMax: settings.batchBytesMax,
  hostName: settings.hostName.transform((name) => name || hostname()),
  dockerSocket: settings.dockerSocket,
  containerdSocket: settings.containerdSocket,
  kubernetesApi: settings.kubernetesApi,
  protectedPaths: settings.protectedPaths,
  keptPaths: settings.keptPaths,
  canaries: settings.canaries,
  hookedPrograms: settings.hookedPrograms,
  hookSuspects: settings.hookSuspects,
  logLevel: settings.logLevel,
});

export type TyrConfig = z.output<typeof schema>;

export function loadTyrConfig(environment?: Environment): TyrConfig {
  return loadConfig(schema, environment);
}

/** "/home:/srv" → ["/home", "/srv"]. */
export function pathsOf(setting: string): string[] {
  return setting.split(':').filter((path) => path.startsWith('/'));
}

/** Not those that nobody had to choose. */
function areChosen(protectedPaths: string): boolean {
  return protectedPaths !== settings.protectedPaths.parse(undefined);
}

/** What baldur is started with. */
export function baldurSettings(config: TyrConfig): BaldurSettings {
  return {
    agentDir: config.agentDir,
    socket: config.agentSocket,
    protectedPaths: pathsOf(config.protectedPaths),
    pathsAreChosen: areChosen(config.protectedPaths),
    keptPaths: pathsOf(config.keptPaths),
    canaries: filesOf(config.canaries),
    hookedPrograms: filesOf(config.hookedPrograms),
    hookSuspects: config.hookSuspects,
  };
}

/** Paths, and names without a slash. */
function filesOf(setting: string): string[] {
  return setting.split(':').filter((file) => file !== '');
}
