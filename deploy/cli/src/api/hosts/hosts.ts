// `norn hosts` and `norn quarantine`.
import type { ShownHost } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { registerHostAccessCommands } from './host-access.ts';
import { registerHostGroupCommands } from './host-groups.ts';
import { registerInviteCommand } from './invite.ts';
import { ago, bytes, columns, lines, write, writeJson } from '../../print/columns.ts';

export function registerHostCommands(program: Command): void {
  const hosts = program
    .command('hosts')
    .description('List hosts with what each can see and prevent')
    .option('--json', 'as JSON')
    .action(listHosts);
  registerInviteCommand(hosts);
  registerHostAccessCommands(hosts);
  registerHostGroupCommands(hosts);
  program
    .command('quarantine')
    .description(
      'List what restores keep for you to look at: programs attacks dropped, former states of files in conflict',
    )
    .option('--json', 'as JSON')
    .action(listQuarantine);
}

async function listHosts(options: { json?: boolean }): Promise<void> {
  const api = await connectApi();
  const { hosts } = await api.get<{ hosts: ShownHost[] }>('/hosts');
  if (options.json) writeJson(hosts);
  else
    write(
      hosts.map(hostText).join('\n') || 'No hosts are enrolled: ./norn up enrols this one, ./norn hosts invite others',
    );
}

function hostText(host: ShownHost): string {
  const seen = ago(host.lastSeenAt, new Date());
  const capabilities = host.capabilities.map(({ available, name, mechanism, detail }) => [
    available ? '  ✓' : '  ✗',
    name,
    mechanism,
    detail,
  ]);
  const about = lines([
    `${host.name}  ${host.state}, seen ${seen}  (${host.id})`,
    `  agent ${host.agentVersion} · kernel ${host.kernel} · events ${String(host.eventsTotal)}, lost ${String(host.eventsLost)} · memory ${bytes(host.baldurRssBytes)} + ${bytes(host.tyrRssBytes)} · vault ${bytes(host.vaultBytes)} of ${bytes(host.vaultBytesMax)}`,
    `  files: ${String(host.vaultRestorable)} can be given back, ${String(host.vaultEvicted)} no longer (evicted), ${String(host.vaultTooLarge)} too large`,
    `  protected directories: ${String(host.vaultFilesPresent)} files, ${String(host.vaultFilesUnkept)} of them without a pre-image · not protected: ${String(host.mountsRefused)}`,
    ...policyLines(host.policy),
  ]);
  return capabilities.length > 0 ? `${about}\n${columns(capabilities)}` : about;
}

function policyLines({ state, summary, denied, unenforced }: ShownHost['policy']): string[] {
  const counted = state === 'none' ? '' : ` Denied since its agent started: ${String(denied)}.`;
  return [`  policy: ${summary}${counted}`, ...unenforced.map((each) => `    ✗ ${each}`)];
}

async function listQuarantine(options: { json?: boolean }): Promise<void> {
  const api = await connectApi();
  const { hosts } = await api.get<{ hosts: ShownHost[] }>('/hosts');
  const whole = await Promise.all(hosts.map(({ id }) => api.get<ShownHost>(`/hosts/${id}`)));
  const kept = whole.flatMap(({ name, quarantine }) => quarantine.map((file) => ({ host: name, ...file })));
  if (options.json) {
    writeJson(kept);
    return;
  }
  if (kept.length === 0) {
    write('Nothing is in quarantine.');
    return;
  }
  const now = new Date();
  const rows = kept.map((file) => [
    file.sha256.slice(0, 12),
    file.verdict === 'conflict' ? 'state before' : 'dropped',
    file.host,
    file.containerId.slice(0, 12) || 'host',
    file.alertId.slice(0, 12),
    ago(file.decidedAt, now),
    file.path,
  ]);
  write(columns([['SHA-256', 'WHAT', 'HOST', 'CONTAINER', 'ALERT', 'WHEN', 'PATH'], ...rows]));
}
