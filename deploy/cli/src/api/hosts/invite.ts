// `norn hosts invite`: the one command that makes another machine a host of this installation.
import { NornError } from '@norn/base';
import { type ShownJoinToken, invitedHostsMax } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { write, writeJson } from '../../print/columns.ts';

interface Options {
  readonly hosts: number;
  readonly group?: string;
  readonly json?: boolean;
}

export function registerInviteCommand(hosts: Command): void {
  hosts
    .command('invite')
    .description('Let other machines join: prints the command to run on each')
    .option('--hosts <n>', 'how many it lets in', numberOf, 1)
    .option('--group <name>', 'the group of hosts that they are in from then on')
    .option('--json', 'as JSON')
    .action(async (_: Options, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      const api = await connectApi();
      const made = await api.post<ShownJoinToken>('/join-tokens', { hosts: options.hosts, group: options.group ?? '' });
      if (options.json) writeJson(made);
      else write(invitationText(made));
    });
}

export function invitationText({ command, hosts, group, expiresAt, caution }: ShownJoinToken): string {
  const [where, many] = hosts === 1 ? ['the new host', 'one host'] : ['each new host', `${hosts} hosts`];
  const within = group === '' ? '' : ` in the group ${group}`;
  const until = expiresAt.slice(0, 16).replace('T', ' ');
  return [
    `Run this on ${where}, as root, where Norn's sources are. Good for ${many}${within}, until ${until} UTC:`,
    '',
    `  ${command}`,
    ...(caution === '' ? [] : ['', `${caution}.`]),
  ].join('\n');
}

/** Throws `hosts_invalid`. */
export function numberOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text) && Number(text) <= invitedHostsMax) return Number(text);
  const max = invitedHostsMax.toLocaleString('en');
  throw new NornError(
    'hosts_invalid',
    `"${text.slice(0, 20)}" is no number of hosts that one invitation lets in: give 1 to ${max}`,
  );
}
