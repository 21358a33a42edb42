// `norn join`: this machine becomes a host of an installation that runs elsewhere.
import { existsSync } from 'node:fs';
import { NornError } from '@norn/base';
import { pemBlocks } from '@norn/config';
import { fingerprintOf, type Invitation } from '@norn/contracts';
import type { Identity } from '@norn/tyr';
import type { ListrTask } from 'listr2';
import { refuseToInstall, startFromBoot } from '../boot/systemd.ts';
import { write } from '../print/columns.ts';
import { findInstallation, makeFolders, type Installation } from '../installation/installation.ts';
import { buildAgentTask, checkMachine, installMissing } from '../machine/machine-tasks.ts';
import { readRunState } from '../installation/run-state.ts';
import { writeSecret } from '../installation/secrets.ts';
import { startSupervisor } from '../supervisor/start-supervisor.ts';
import { runTasks } from '../print/task-list.ts';
import { enrolHost, knownIdentity } from './enrol-host.ts';
import { givenInvitation } from './given-invitation.ts';
import { readJoined, type Joined } from '../installation/joined-host.ts';
import { joinedText } from './joined-text.ts';
import { fetchAuthority } from './known-authority.ts';

const flags = ['--agent-only'];
const halves = { installation: false, agent: true };

export interface JoinOptions {
  /** Where its state lives. */
  readonly folder: string | undefined;
  /** By systemd, now and at every boot. */
  readonly install: boolean;
}

/** `file`: holds the invitation; a host that has joined needs none. */
export async function join(file: string | undefined, { folder, install }: JoinOptions): Promise<void> {
  const begunAt = new Date();
  const installation = findInstallation(folder);
  if (install) await refuseToInstall(installation);
  const invitation = file === undefined ? undefined : await givenInvitation(file);
  refuseInstallation(installation);
  makeFolders(installation);
  refuseStranger(installation, invitation);
  const ran = readRunState(installation)?.phase === 'ready';
  if (!ran) {
    // What can be refused comes before what takes minutes.
    await runTasks(() => [
      checkMachine(installation, halves),
      ...(invitation ? [meet(installation, invitation)] : []),
      installMissing(halves),
      buildAgentTask(installation),
    ]);
    if (install) await startFromBoot(installation, flags);
    else await startSupervisor(installation, { flags, detach: true });
  }
  write(await joinedText(installation, ran ? { ran } : { ran, begunAt }));
  process.exit(0);
}

function meet(installation: Installation, invitation: Invitation): ListrTask {
  return {
    title: `Join the installation at ${invitation.ingest}`,
    task: async (_, task) => {
      writeSecret(installation.path('secrets'), 'authority.cert.pem', await fetchAuthority(invitation));
      const { identity, isKnown } = await enrolHost(installation, invitation);
      task.title = `Join the installation at ${invitation.ingest}: this host is ${identity.hostId}${isKnown ? ' already' : ''}`;
    },
  };
}

/** Throws `installation_here`. */
function refuseInstallation(installation: Installation): void {
  if (!existsSync(installation.path('secrets', 'authority.key.pem'))) return;
  throw new NornError(
    'installation_here',
    `${installation.home} is an installation itself, and ./norn up protects this machine: ` +
      'to have it protected by another one instead, give --home another folder',
  );
}

/** By the authority that it joined by, or by one that took its place since. */
function isOfInstallation(joined: Joined, { authorityPem }: Identity, { authority }: Invitation): boolean {
  return joined.authority === authority || pemBlocks(authorityPem).some((pem) => fingerprintOf(pem) === authority);
}

/** Throws `not_joined` for want of an invitation, `joined_elsewhere` for one of another installation. */
function refuseStranger(installation: Installation, invitation: Invitation | undefined): void {
  const joined = readJoined(installation);
  const identity = joined && knownIdentity(installation);
  if (!invitation && !identity) {
    const why = joined ? "This host's key is gone" : 'This host has joined no installation';
    throw new NornError(
      'not_joined',
      `${why}: echo INVITATION | ./norn join -. The installation makes one with ./norn hosts invite, or in its console under Hosts`,
    );
  }
  if (!invitation || !identity || isOfInstallation(joined, identity, invitation)) return;
  throw new NornError(
    'joined_elsewhere',
    `This host belongs to the installation at ${joined.ingest}: to leave it, ./norn down and remove ${installation.home}`,
  );
}
