// Before a token is told, or a link with one: is it this installation that listens where the API should be?
import { existsSync } from 'node:fs';
import { NornError } from '@norn/base';
import { isListener, isListenerOf } from '@norn/base/port-holder';
import { findInstallation, type Installation } from '../../installation/installation.ts';
import { readRunState } from '../../installation/run-state.ts';

/** Processes that have the API. */
const apiParts = ['api', 'stages'];

/** Throws `unreachable` when the installation is down, `port_taken` when another process listens in its place. */
export function assertOwnApi(installation = findInstallation()): void {
  const { api: port } = installation.ports;
  if (isComposed(installation)) {
    // Docker hands the port on, as root.
    if (isListenerOf(0, port)) return;
  } else {
    const state = readRunState(installation);
    const pids = (state?.parts ?? []).filter(({ name }) => apiParts.includes(name)).map(({ process }) => process?.pid);
    if (pids.every((pid) => pid === undefined)) {
      throw new NornError(
        'unreachable',
        `The API of ${installation.home} does not run: ./norn up, or ./norn status for why`,
      );
    }
    if (pids.some((pid) => pid !== undefined && isListener(pid, port))) return;
  }
  const what = `127.0.0.1:${port} is not listened on by the Norn of ${installation.home}, so the token was not sent there`;
  throw new NornError('port_taken', `${what}: see who listens (ss -ltnp) and whether NORN_PORT_BASE is right`);
}

export function isComposed(installation: Installation): boolean {
  return (
    !existsSync(installation.path('secrets', 'api.token')) &&
    existsSync(installation.path('compose', 'secrets', 'api.token'))
  );
}
