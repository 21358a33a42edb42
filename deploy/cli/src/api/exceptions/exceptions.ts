// `norn exceptions`: what is not to alert, proposed from a finding, added from a file, listed, ended.
import { readFile } from 'node:fs/promises';
import { NornError, messageOf } from '@norn/base';
import type {
  ShownAlertDetail,
  ShownException,
  ShownExceptionPreview,
  ShownExceptionProposal,
  ShownFinding,
} from '@norn/contracts';
import { parseException } from '@norn/rules';
import type { Command } from 'commander';
import { connectApi } from '../client/client.ts';
import { columns, write, writeJson } from '../../print/columns.ts';
import { resolveId } from '../alerts/alerts.ts';

interface Options {
  readonly json?: boolean;
}

export function registerExceptionCommands(program: Command): void {
  const exceptions = program.command('exceptions').description('Except one process in one place from one rule');
  exceptions
    .command('list', { isDefault: true })
    .description('List exceptions, newest first')
    .option('--json', 'as JSON')
    .action(listExceptions);
  exceptions
    .command('propose <alert> [finding]')
    .description(
      "Write the narrowest exception for a finding, with what else it would have silenced; without one, list the alert's findings",
    )
    .option('--json', 'as JSON')
    .action(propose);
  exceptions
    .command('add <file>')
    .description('Add the exception of a file, as propose writes it: it holds from now on, 30 days unless told')
    .option('--json', 'as JSON')
    .action(add);
  exceptions.command('remove <id>').description('End an exception now').option('--json', 'as JSON').action(remove);
}

interface Listed {
  readonly exceptions: readonly ShownException[];
}

async function listExceptions(options: Options): Promise<void> {
  show(await (await connectApi()).get<Listed>('/exceptions'), listText, options);
}

async function propose(alert: string, finding: string | undefined, options: Options): Promise<void> {
  const api = await connectApi();
  const alertId = await resolveId(api, alert);
  const { findings } = await api.get<ShownAlertDetail>(`/alerts/${alertId}`);
  if (finding === undefined) {
    show(findings, findingsText, options);
    return;
  }
  const path = `/alerts/${alertId}/findings/${findingOf(findings, finding)}/exception`;
  show(await api.get<ShownExceptionProposal>(path), proposalText, options);
}

async function add(file: string, options: Options): Promise<void> {
  const draft = parseException(file, await readText(file));
  const api = await connectApi();
  const preview = await api.post<ShownExceptionPreview>('/exceptions/preview', draft);
  const added = await api.post<ShownException>('/exceptions', draft);
  show({ ...added, preview }, addedText, options);
}

async function remove(id: string, options: Options): Promise<void> {
  const api = await connectApi();
  const { exceptions } = await api.get<Listed>('/exceptions');
  const path = `/exceptions/${encodeURIComponent(exceptionOf(exceptions, id))}`;
  show(await api.delete<Listed>(path), listText, options);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new NornError('exception_missing', `${file} can not be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The full id of a finding named by its first characters. */
function findingOf(findings: readonly ShownFinding[], id: string): string {
  return theOne(
    findings,
    id,
    (count) => new NornError('finding_unknown', `${count} findings of the alert start with "${id}"`),
  );
}

function exceptionOf(exceptions: readonly ShownException[], id: string): string {
  return theOne(
    exceptions,
    id,
    (count) =>
      new NornError('exception_unknown', `${count} exceptions start with "${id}": ./norn exceptions lists them`),
  );
}

function theOne(
  among: readonly { readonly id: string }[],
  start: string,
  refusal: (count: number) => NornError,
): string {
  const found = among.filter(({ id }) => id.startsWith(start));
  if (found.length === 1 && found[0]) return found[0].id;
  throw refusal(found.length);
}

function show<Value>(value: Value, textOf: (value: Value) => string, { json }: Options): void {
  if (json) writeJson(value);
  else write(textOf(value));
}

function listText({ exceptions }: Listed): string {
  if (exceptions.length === 0) return 'No exceptions. From a finding: ./norn exceptions propose ALERT FINDING';
  const rows = exceptions.map(({ id, ruleId, expired, expiresAt, author, reason, summary, used, usedAt, ofReflex }) => [
    id.slice(0, 8),
    ofReflex ? ruleId : ruleId.slice(0, 8),
    expired ? 'over' : expiresAt.slice(0, 10),
    used === 0 ? 'never' : `${String(used)}, ${usedAt.slice(0, 10)}`,
    author,
    reason,
    summary,
  ]);
  return columns([['ID', 'RULE', 'UNTIL', 'USED, LAST', 'BY', 'WHY', 'WHAT'], ...rows]);
}

function findingsText(findings: readonly ShownFinding[]): string {
  const rows = findings.map(({ id, source, title, summary }) => [id.slice(0, 12), source, title, summary]);
  return columns([['FINDING', 'FROM', 'WHAT', 'SUMMARY'], ...rows]);
}

/** What is no part of it stands behind "#", so that the whole is a file for `add`. */
export function proposalText({ yaml, preview }: ShownExceptionProposal): string {
  const examples = preview.examples.map(
    ({ time, summary }) => `#   ${time.slice(0, 19)}  ${summary.replaceAll('\n', ' ')}`,
  );
  return [`# ${preview.summary}`, ...examples, yaml.trimEnd()].join('\n');
}

function addedText({ id, expiresAt, preview }: ShownException & { readonly preview: ShownExceptionPreview }): string {
  return `Exception ${id} holds from now until ${expiresAt.slice(0, 10)}. ${preview.summary}.`;
}
