// Ends the supervisor, which ends its parts; and what is left when the supervisor was killed. The agent of an installation elsewhere ends with
// the host's maintenance token, so that the installation knows by whom.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NornError, messageOf } from '@norn/base';
import { endProcess, isAlive } from '@norn/embedded';
import { isFromBoot, stopFromBoot } from '../boot/systemd.ts';
import { baldurProgram, type Installation } from '../installation/installation.ts';
import { endBaldur } from '../supervisor/parts.ts';
import { clearRunState, readLastState } from '../installation/run-state.ts';
import { openLock } from './open-lock.ts';

const supervisorKillAfterMs = 60_000;
const partKillAfterMs = 15_000;
/** Of baldur's state: what it keeps of isolations. */
const isolationFiles = ['own_network.json', 'isolated.json'];

export interface DownOptions {
  /** Holds the maintenance token of a host that has joined; - is standard input. */
  readonly tokenFile?: string | undefined;
  /** It is not started at the next boot. */
  readonly forGood?: boolean | undefined;
  /** What its agent has cut off the network is on it again: nobody is left who could be asked to. */
  readonly rejoins?: boolean | undefined;
}

/**
 * Returns what it did. Throws
 * `maintenance_token_needed`, `maintenance_token_empty`, `maintenance_token_wrong`, `maintenance_token_unreadable`, `still_isolated`.
 */
export async function down(installation: Installation, options: DownOptions = {}): Promise<string> {
  const done = await end(installation, options);
  if (options.rejoins === true) await rejoin(installation);
  return done;
}

async function end(installation: Installation, { tokenFile, forGood = false }: DownOptions): Promise<string> {
  const state = readLastState(installation);
  const fromBoot = isFromBoot(installation);
  if (!state && !(fromBoot && forGood)) return `Nothing of ${installation.home} runs`;
  await openLock(installation, tokenFile);
  const ran = state !== undefined && isAlive(state.supervisor);
  if (fromBoot) await stopFromBoot(installation, forGood);
  if (!state) return `${installation.home} is not started at boot any more`;
  await endProcess(state.supervisor, supervisorKillAfterMs);
  const left = state.parts.flatMap(({ process }) => (process && isAlive(process) ? [process] : []));
  await Promise.all(left.map((process) => endProcess(process, partKillAfterMs)));
  await endBaldur(installation);
  clearRunState(installation);
  if (ran) return `Stopped ${installation.home}`;
  return left.length > 0
    ? `Stopped ${left.length} processes that a dead supervisor left`
    : `Nothing of ${installation.home} runs`;
}

/** An isolation ends by itself, too, but that can take days. */
async function rejoin(installation: Installation): Promise<void> {
  const program = baldurProgram(installation);
  const state = installation.path('agent', 'baldur');
  const hasCutOff = isolationFiles.some((name) => existsSync(join(state, name)));
  if (!hasCutOff || !existsSync(program)) return;
  try {
    await promisify(execFile)(program, ['rejoin', '--state-dir', state]);
  } catch (error) {
    throw new NornError(
      'still_isolated',
      `What the agent cut off the network may still be: ${messageOf(error)}: as root, run ${program} rejoin --state-dir ${state}`,
      { cause: error },
    );
  }
}
