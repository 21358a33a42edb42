// What a person does about an alert: a command, or an option of one, for each row of the table of actions.
import { NornError } from '@norn/base';
import type { ShownAlert, ShownAlertDetail, ShownCommand } from '@norn/contracts';
import { type AlertAction, actionNames, alertActions } from '@norn/response';
import type { Command } from 'commander';
import { connectApi, type ApiClient } from '../client/client.ts';
import { note, write, writeJson } from '../../print/columns.ts';
import { fileSentence, resolveId, togetherDetail } from './alerts.ts';
import { untilDone } from './until-done.ts';

interface Row extends AlertAction {
  readonly name: string;
  readonly cli: NonNullable<AlertAction['cli']>;
}

const rows = actionNames.flatMap((name): Row[] => {
  const row: AlertAction = alertActions[name];
  return row.cli === undefined ? [] : [{ ...row, name, cli: row.cli }];
});

/** By the names of their options, as commander has them. */
type Options = Readonly<Record<string, unknown>> & { readonly json?: boolean };

export function registerAlertActions(program: Command): void {
  for (const { cli } of rows.filter((row) => row.cli.option === undefined)) {
    const command = program.command(`${cli.command} <alert>`).description(cli.description).option('--json', 'as JSON');
    for (const { cli: own, takes } of optionsOf(cli.command))
      command.option(`${own.option ?? ''}${takes === 'paths' ? ' [paths...]' : ''}`, own.description);
    command.action((alert: string, options: Options) => act(cli.command, alert, options));
  }
}

function optionsOf(command: string): Row[] {
  return rows.filter(({ cli }) => cli.command === command && cli.option !== undefined);
}

/** "--over-conflicts" → "overConflicts". */
function keyOf({ cli: { option = '' } }: Row): string {
  return option.replace(/^--/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

async function act(command: string, alert: string, options: Options): Promise<void> {
  const api = await connectApi();
  const id = await resolveId(api, alert);
  const { row, path } = chosen(command, options);
  if (row.act === undefined) {
    const put = await api.post<ShownAlert>(`/alerts/${id}/${path}`);
    report(put, `Alert ${id.slice(0, 12)} is ${put.state}`, options);
    return;
  }
  await sayFirst(api, row, id);
  const done = await untilDone(api, await api.post<ShownCommand>(`/alerts/${id}/${path}`));
  const { alert: after } = await api.get<ShownAlertDetail>(`/alerts/${id}`);
  const sentence = `${done.summary} · the alert: ${after.stateText.toLowerCase()} · files: ${fileSentence(after)}`;
  report({ ...done, files: after.files }, sentence, options);
  // What waits for somebody or is lost is no success, though the host did what it was asked.
  if (done.state !== 'succeeded' || ['part', 'nothing'].includes(done.outcome)) process.exitCode = 1;
}

/** Of several options the last row of the table, unless one stands alone. Throws `usage`. */
export function chosen(command: string, options: Options): { row: Row; path: string } {
  const given = optionsOf(command).filter((row) => options[keyOf(row)] !== undefined);
  const alone = given.findLast(({ cli }) => cli.alone !== undefined);
  if (alone !== undefined && given.length > 1) throw new NornError('usage', alone.cli.alone ?? '');
  const row = given.at(-1) ?? rows.find(({ cli }) => cli.command === command && cli.option === undefined);
  if (row === undefined) throw new RangeError(`No action is called ${command}`);
  if (row.takes !== 'paths') return { row, path: row.name };
  const paths = options[keyOf(row)];
  const query = new URLSearchParams(
    Array.isArray(paths) ? paths.map((path): [string, string] => ['path', String(path)]) : [],
  );
  return { row, path: `${row.name}?${query.toString()}` };
}

/** Before it is done: what goes beside what the attack changed. */
async function sayFirst(api: ApiClient, { name, cli }: Row, id: string): Promise<void> {
  if (cli.notOffered === undefined) return;
  const { actions: offered } = await togetherDetail(api, id);
  const button = offered.find((each) => each.action === name);
  if (!button) throw new NornError('nothing_beside', cli.notOffered(id.slice(0, 12)));
  note(button.consequence);
}

function report(value: object, sentence: string, options: { json?: boolean }): void {
  if (options.json) writeJson(value);
  else write(sentence);
}
