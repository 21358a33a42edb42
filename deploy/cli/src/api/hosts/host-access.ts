// `norn hosts revoke` and `norn hosts remove`: who may not talk to the installation any more.
import { NornError } from '@norn/base';
import type { ShownHost } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { write, writeJson } from '../../print/columns.ts';

interface Options {
  readonly json?: boolean;
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
