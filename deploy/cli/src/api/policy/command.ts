// `norn policy`: ordered rules, of which the first that matches decides: tried before they act.
import { type HostEnforcement, hostRulesOf, testPolicy } from '@norn/response';
import type { ShownPolicy, ShownPolicyHistory } from '@norn/contracts';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { note, write, writeJson } from '../../print/columns.ts';
import { startProgressBar } from '../../print/progress-bar.ts';
import { appliedText, dryRunText, enforcementText, historyText, policyTestText } from './policy-text.ts';
import { readPolicy, readPolicyText } from './read-policy.ts';

type Denied = HostEnforcement['denied'];

interface DryRunFlags {
  readonly recording: string;
  readonly against?: string;
  readonly group?: readonly string[];
  readonly json?: boolean;
}

export function registerPolicyCommand(program: Command): void {
  const policy = program
    .command('policy')
    .description('Work with policies: ordered rules, the first that matches decides');
  policy
    .command('test <file>')
    .description('Run the tests that stand in a policy ("recommended" is the one that Norn comes with)')
    .option('--json', 'as JSON')
    .action(runTest);
  policy
    .command('dry-run <file>')
    .description('Say what a policy would have done over recorded events; nothing is done')
    .requiredOption('--recording <file>', 'what ./norn record wrote, or lines of JSON, as ./norn replay takes them')
    .option('--against <other>', 'another policy: what would be decided otherwise than by it')
    .option('--group <name...>', 'groups that the hosts of the recording are in, besides their own names')
    .option('--json', 'as one JSON document')
    .action(runDry);
  policy
    .command('show [number]')
    .description('Print the policy in force as YAML, or the version of that number')
    .option('--json', 'as JSON')
    .action(show);
  policy
    .command('apply <file>')
    .description('Put a policy in force for your tenant; one that fails its own tests is refused')
    .action(apply);
  policy
    .command('history')
    .description('List the versions of the policy, the newest first')
    .option('--json', 'as JSON')
    .action(history);
  policy.command('rollback <number>').description('Put the text of an earlier version in force again').action(rollback);
}

async function show(number: string | undefined, options: { readonly json?: boolean }): Promise<void> {
  const which = number === undefined ? '' : `/${encodeURIComponent(number)}`;
  const shown = await (await connectApi()).get<ShownPolicy>(`/policy${which}`);
  if (options.json) {
    writeJson(shown);
    return;
  }
  write(shown.number === 0 ? `# ${shown.summary}` : shown.body.trimEnd());
  // Not part of the text, which may go into a file.
  for (const { name, action, denied, why } of shown.rules)
    if (action === 'deny') note(`# ${enforcementText({ rule: name, denied: denied as Denied, why })}`);
}

async function apply(file: string): Promise<void> {
  const body = await readPolicyText(file);
  write(appliedText(await (await connectApi()).put<ShownPolicy>('/policy', { body })));
}

async function history(options: { readonly json?: boolean }): Promise<void> {
  const { versions } = await (await connectApi()).get<ShownPolicyHistory>('/policy/history');
  if (options.json) writeJson(versions);
  else write(historyText(versions, new Date()));
}

async function rollback(number: string): Promise<void> {
  write(appliedText(await (await connectApi()).post<ShownPolicy>('/policy/rollback', { number: Number(number) })));
}

async function runTest(file: string, options: { readonly json?: boolean }): Promise<void> {
  const policy = await readPolicy(file);
  const report = testPolicy(policy);
  const { enforcement } = hostRulesOf(policy);
  if (options.json) writeJson({ ...report, enforcement });
  else write(policyTestText(report, enforcement));
  if (report.wrong.length > 0) process.exitCode = 1;
}

async function runDry(file: string, { recording, against, group = [], json }: DryRunFlags): Promise<void> {
  const policy = await readPolicy(file);
  const other = against === undefined ? undefined : await readPolicy(against);
  // Only here: the stages are much to load for every other command.
  const { dryRun } = await import('./dry-run.ts');
  const bar = startProgressBar(process.stderr);
  try {
    const report = await dryRun({
      policy,
      ...(other && { against: other }),
      recording,
      groups: group,
      onProgress: (share, events) => {
        bar.draw(share, events);
      },
    });
    bar.clear();
    if (json) writeJson(report);
    else write(dryRunText(report));
  } finally {
    bar.clear();
  }
}
