// `norn hosts revoke` and `norn hosts remove`: who may not talk to the installation any more; `norn hosts maintenance`: who need not.
import { NornError } from '@norn/base';
import { type ShownHost, maintenanceMinutesMax } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { write, writeJson } from '../../print/columns.ts';

interface Options {
  readonly json?: boolean;
}

interface Maintenance extends Options {
  /** Minutes. */
  readonly for: number;
  readonly end?: boolean;
}

/** `--json` is `hosts`' own too, which takes it: the actions read both. */
export function registerHostAccessCommands(hosts: Command): void {
  hosts
    .command('revoke <host>')
    .description(
      'Take nothing from a host any more, by its id or name: for one whose key may be in other hands. Its agent protects it on',
    )
    .option('--json', 'as JSON')
    .action(revoke);
  hosts
    .command('maintenance <host>')
    .description(
      'Say that a host, by its id or name, may be silent for a while: nobody is told then that it is, nor that its agent was stopped',
    )
    .option('--for <time>', 'for how long: 30m, 2h or 3d, at most 7d', minutesOf, 120)
    .option('--end', 'end it now')
    .option('--json', 'as JSON')
    .action(maintain);
  hosts
    .command('token <host>')
    .description(
      'Show the maintenance token of a host, by its id or name: with it ./norn down stops the agent there once, and nobody is told',
    )
    .option('--json', 'as JSON')
    .action(token);
  hosts
    .command('remove <host>')
    .description('Forget a host, by its id or name, and refuse it: for one that is gone. Its alerts and events stay')
    .option('--json', 'as JSON')
    .action(remove);
}

async function revoke(given: string, _: Options, command: Command): Promise<void> {
  const api = await connectApi();
  const { id, name } = chosen((await api.get<{ hosts: ShownHost[] }>('/hosts')).hosts, given);
  const { hosts } = await api.post<{ hosts: ShownHost[] }>(`/hosts/${id}/revoke`, {});
  if (command.optsWithGlobals<Options>().json) writeJson(hosts.find((host) => host.id === id));
  else
    write(
      `${name} (${id}) is refused from now on. To let the machine in again: ./norn hosts invite, there ./norn down and ` +
        'the command that the invitation names; it is another host then.',
    );
}

async function maintain(given: string, { for: minutes, end }: Maintenance, command: Command): Promise<void> {
  const api = await connectApi();
  const { id, name } = chosen((await api.get<{ hosts: ShownHost[] }>('/hosts')).hosts, given);
  const path = `/hosts/${id}/maintenance`;
  const asked = end === true ? api.delete(path) : api.post(path, { minutes });
  const host = ((await asked) as { hosts: ShownHost[] }).hosts.find((each) => each.id === id);
  if (command.optsWithGlobals<Options>().json) writeJson(host);
  else if (end === true)
    write(`The maintenance of ${name} (${id}) is over: from now on it is missed when it falls silent.`);
  else {
    const until = host?.maintenanceUntil.slice(0, 16).replace('T', ' ') ?? '';
    write(
      `${name} (${id}) is in maintenance until ${until} UTC: nobody is told when it falls silent. To end it: ./norn hosts maintenance ${given} --end`,
    );
  }
}

async function token(given: string, _: Options, command: Command): Promise<void> {
  const api = await connectApi();
  const { id } = chosen((await api.get<{ hosts: ShownHost[] }>('/hosts')).hosts, given);
  const shown = await api.post<{ token: string }>(`/hosts/${id}/maintenance-token`, {});
  if (command.optsWithGlobals<Options>().json) writeJson(shown);
  // Nothing beside it, so that it can be piped.
  else write(shown.token);
}

/** Throws `time_invalid`. */
export function minutesOf(text: string): number {
  const units = { m: 1, h: 60, d: 1_440 } as const;
  const [, number = '', unit = ''] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  const minutes = Number(number) * units[(unit || 'm') as keyof typeof units];
  if (minutes >= 1 && minutes <= maintenanceMinutesMax) return minutes;
  throw new NornError(
    'time_invalid',
    `"${text.slice(0, 20)}" is no time for a maintenance: give 30m, 2h or 3d, at most 7d`,
  );
}

async function remove(given: string, _: Options, command: Command): Promise<void> {
  const api = await connectApi();
  const { id, name } = chosen((await api.get<{ hosts: ShownHost[] }>('/hosts')).hosts, given);
  const { hosts } = await api.delete<{ hosts: ShownHost[] }>(`/hosts/${id}`);
  if (command.optsWithGlobals<Options>().json) writeJson(hosts);
  else write(`${name} (${id}) is forgotten, and refused from now on. Its alerts and events are kept.`);
}

/** Throws `host_unknown`, `host_ambiguous`. */
export function chosen(
  hosts: readonly Pick<ShownHost, 'id' | 'name'>[],
  given: string,
): Pick<ShownHost, 'id' | 'name'> {
  const byId = hosts.find(({ id }) => id === given);
  if (byId) return byId;
  const [named, ...others] = hosts.filter(({ name }) => name === given);
  if (named === undefined) throw new NornError('host_unknown', `There is no host ${given}: see ./norn hosts`);
  if (others.length === 0) return named;
  const ids = [named, ...others].map(({ id }) => id).join(', ');
  throw new NornError('host_ambiguous', `${others.length + 1} hosts are called ${given}: give the id of one (${ids})`);
}
