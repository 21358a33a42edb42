// `norn hosts groups`: hosts under one name, which policies may name as subjects.
import type { ShownHostGroupList } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { ago, columns, write, writeJson } from '../../print/columns.ts';

interface Options {
  readonly json?: boolean;
}

/** `--json` is `hosts`' own too, which takes it: the actions read both. */
export function registerHostGroupCommands(hosts: Command): void {
  const groups = hosts.command('groups').description('Groups of hosts, which policies may name as subjects');
  groups
    .command('list', { isDefault: true })
    .description('List groups with the hosts that are in them now')
    .option('--json', 'as JSON')
    .action(listGroups);
  groups
    .command('put <name> <members...>')
    .description("Make a group, or give it other members: hosts' ids, or names with * for any characters ('web-*')")
    .option('--json', 'as JSON')
    .action(putGroup);
  groups.command('remove <name>').description('Remove a group').option('--json', 'as JSON').action(removeGroup);
}

async function listGroups(_: Options, command: Command): Promise<void> {
  show(await (await connectApi()).get<ShownHostGroupList>('/host-groups'), command.optsWithGlobals());
}

async function putGroup(name: string, members: string[], _: Options, command: Command): Promise<void> {
  const api = await connectApi();
  show(await api.put<ShownHostGroupList>(pathOf(name), { members }), command.optsWithGlobals());
}

async function removeGroup(name: string, _: Options, command: Command): Promise<void> {
  show(await (await connectApi()).delete<ShownHostGroupList>(pathOf(name)), command.optsWithGlobals());
}

function pathOf(name: string): string {
  return `/host-groups/${encodeURIComponent(name)}`;
}

function show({ groups }: ShownHostGroupList, { json }: Options): void {
  if (json) writeJson(groups);
  else write(groupsText(groups, new Date()));
}

export function groupsText(groups: ShownHostGroupList['groups'], now: Date): string {
  if (groups.length === 0) return "There are no groups of hosts: ./norn hosts groups put web 'web-*'";
  const rows = groups.map(({ name, members, hosts, changedBy, changedAt }) => [
    name,
    members.join(' '),
    hosts.join(' ') || 'none now',
    `${changedBy}, ${ago(changedAt, now)}`,
  ]);
  return columns([['GROUP', 'MEMBERS', 'HOSTS', 'CHANGED'], ...rows]);
}
