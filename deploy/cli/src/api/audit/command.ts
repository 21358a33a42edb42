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
    .option('--kept <seal>', 'a seal of before, as this command printed it: is it still in the trail?')
    .option('--json', 'as JSON')
    .action(verify);
}

async function verify({ json, kept }: { json?: boolean; kept?: string }): Promise<void> {
  const asked = kept === undefined ? '' : `?kept=${encodeURIComponent(kept)}`;
  const verified = await (await connectApi()).get<ShownAuditVerification>(`/audit/verification${asked}`);
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
    `Last seal: ${head === '' ? 'none' : `${sealed}:${head}`}`,
    'Keep it somewhere else, and ask with --kept: a trail whose end was cut off, or that was written anew, is whole too and has not got it.',
  ].join('\n');
}
