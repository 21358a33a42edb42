// `norn audit verify`: is the audit trail as it was written?
import type { ShownAuditVerification } from '@norn/contracts';
import type { Command } from 'commander';
import { write, writeJson } from '../../print/columns.ts';
import { connectApi } from '../client/client.ts';

export function registerAuditCommand(program: Command): void {
  program
    .command('audit')
    .description('The trail of who did what')
    .command('verify')
    .description('Has an entry been changed or taken out since it was sealed? Exits with 1 when one has')
    .option('--json', 'as JSON')
    .action(verify);
}

async function verify({ json }: { json?: boolean }): Promise<void> {
  const verified = await (await connectApi()).get<ShownAuditVerification>('/audit/verification');
  if (json) writeJson(verified);
  else write(verificationText(verified));
  if (verified.brokenReason !== '') process.exitCode = 1;
}

export function verificationText({
  sealed,
  waiting,
  head,
  brokenNumber,
  brokenReason,
}: ShownAuditVerification): string {
  const entries = sealed === 1 ? '1 entry is' : `${sealed} entries are`;
  const soon = waiting === 0 ? '' : `, ${waiting} of the last minute are not sealed yet`;
  if (brokenReason !== '')
    return `The trail is broken at entry ${brokenNumber}: ${brokenReason}. Before it ${entries} as sealed${soon}.`;
  return [
    `The trail is whole: ${entries} as sealed${soon}.`,
    `Last seal: ${head || 'none'}`,
    'Keep that line somewhere else: a trail whose end was cut off is whole too, and has not got it.',
  ].join('\n');
}
