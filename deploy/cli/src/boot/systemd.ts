// Norn from boot on, by systemd: installed, stopped and taken away again.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { runCommand } from '@norn/embedded';
import { repository, type Installation } from '../installation/installation.ts';
import { readRunState } from '../installation/run-state.ts';
import { runTasks } from '../print/task-list.ts';
import { unitNameOf, unitText } from './unit.ts';

/** Where it is there, systemd runs the machine: sd_booted(3). */
const booted = '/run/systemd/system';
const units = '/etc/systemd/system';

/** Before anything is built. Throws `no_systemd`, `already_running`. */
export async function refuseToInstall(installation: Installation): Promise<void> {
  const { home } = installation;
  if (!existsSync(booted))
    throw new NornError(
      'no_systemd',
      'This machine is not run by systemd, so --install can do nothing: leave it out, and have what runs the machine start it at boot',
    );
  if (readRunState(installation)?.phase !== 'ready' || (await isHeld(unitNameOf(home)))) return;
  throw new NornError('already_running', `${home} runs already, and not by systemd: ./norn down, then --install`);
}

/** Starts it now and at every boot. `flags`: see supervisor.main.ts. Throws `not_installed`. */
export async function startFromBoot(installation: Installation, flags: readonly string[]): Promise<void> {
  const { home } = installation;
  const unit = unitNameOf(home);
  await runTasks(() => [
    {
      title: `Start, now and at every boot (${unit})`,
      task: async () => {
        try {
          const launcher = join(repository, 'norn');
          writeFileSync(join(units, unit), unitText({ launcher, home, flags, settings: ownSettings() }), {
            mode: 0o600,
          });
          await systemctl('daemon-reload');
          await systemctl('enable', '--now', unit);
        } catch (error) {
          const cure = `journalctl -u ${unit} and ${installation.path('logs', 'supervisor.log')} say more`;
          throw new NornError('not_installed', `${messageOf(error)}: ${cure}`, { cause: error });
        }
      },
    },
  ]);
}

/** Whether it is systemd that runs it, and would start it again. */
export function isFromBoot({ home }: Installation): boolean {
  return existsSync(booted) && existsSync(join(units, unitNameOf(home)));
}

/** It is started at the next boot, unless `forGood`. */
export async function stopFromBoot({ home }: Installation, forGood: boolean): Promise<void> {
  const unit = unitNameOf(home);
  await systemctl('stop', unit);
  if (!forGood) return;
  await systemctl('disable', unit);
  rmSync(join(units, unit));
  await systemctl('daemon-reload');
}

/** systemctl fails when it is not active. */
async function isHeld(unit: string): Promise<boolean> {
  return systemctl('is-active', unit).then(
    () => true,
    () => false,
  );
}

function systemctl(...args: readonly string[]): Promise<string> {
  return runCommand('systemctl', args, { env: processEnvironment() });
}

function ownSettings(): Record<string, string> {
  const own = Object.entries(processEnvironment()).filter(([name]) => name.startsWith('NORN_'));
  return Object.fromEntries(own.map(([name, value]) => [name, value ?? '']));
}
