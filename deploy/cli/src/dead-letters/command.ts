// `norn deadletters`: what a stage could not handle, as it came; send it again when the cause is gone, or give it up.
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { NornError } from '@norn/base';
import type { Choice, DeadLetter, DeadLetterBox, DeadLetterDeeds, Settled } from '@norn/bus';
import { flow } from '@norn/bus/flow';
import { InvalidArgumentError, type Command } from 'commander';
import { write, writeJson } from '../print/columns.ts';
import { endIfUnread, holdingOn } from '../print/output.ts';
import type { OpenBox, Trail } from './open-box.ts';
import { Outcomes } from './outcomes.ts';
import { counted, falseNotesText, letterText, lettersText } from './text.ts';

const stages = flow.map(({ name }) => name);
/** Rows of a table. */
const rowsMax = 10_000;

interface Which {
  readonly stage?: string;
  /** Unix ms. */
  readonly since?: number;
  readonly before?: number;
  readonly json?: boolean;
}

interface Deed extends Which {
  readonly all?: boolean;
  readonly yes?: boolean;
}

export function registerDeadLettersCommand(program: Command): void {
  const letters = program
    .command('deadletters')
    .description('What a stage could not handle: look at it, send it again, give it up');
  withChoice(letters.command('list', { isDefault: true }).description('List dead letters, newest first'))
    .option('--all', `all of them, not the newest ${counted(rowsMax)} (JSON always has all)`)
    .action(list);
  letters
    .command('show <id>')
    .description('Everything about one: where it was, why it was refused, its headers, its first bytes')
    .option('--json', 'as JSON, with all bytes in base64')
    .action(show);
  withDeed(
    letters
      .command('replay [ids...]')
      .description('Put them back where they were refused: for the stage that refused them, and those behind it'),
  ).action((ids: string[], deed: Deed) => act('replay', ids, deed));
  withDeed(letters.command('drop [ids...]').description('Give them up: they are not sent again')).action(
    (ids: string[], deed: Deed) => act('drop', ids, deed),
  );
}

function withChoice(command: Command): Command {
  return command
    .option('--stage <name>', `of one stage only: ${stages.join(', ')}`, stageOf)
    .option('--since <time>', 'that came since: 30m, 12h, 7d, or a date', timeOf)
    .option('--before <time>', 'that came before that', timeOf)
    .option('--json', 'as JSON');
}

function withDeed(command: Command): Command {
  return withChoice(command)
    .option('--all', 'all that wait (of the stage, since the time), after a question')
    .option('--yes', 'without the question');
}

async function list(which: Which & { readonly all?: boolean }): Promise<void> {
  const isWhole = which.all === true || which.json === true;
  const { letters, total, falseNotes } = await withBox(({ box }) =>
    box.list({ ...choiceOf(which), ...(!isWhole && { max: rowsMax }) }),
  );
  if (which.json) writeJson(letters);
  else write(lettersText(letters, new Date()));
  if (falseNotes !== undefined) process.stderr.write(`${falseNotesText(falseNotes)}\n`);
  const oldest = letters.at(-1);
  if (oldest === undefined || total <= letters.length) return;
  // Others may have come in the same millisecond.
  const older = `--before ${new Date(oldest.at + 1).toISOString()}${isWhole ? '' : ', or --all'}`;
  process.stderr.write(`The newest ${counted(letters.length)} of ${counted(total)}; older: ${older}\n`);
}

async function show(id: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { record, ...letter } = await withBox(({ box }) => box.find(id));
  const value = Buffer.from(record.value);
  if (json) writeJson({ ...letter, headers: record.headers, value: value.toString('base64') });
  else write(letterText(letter, record.headers, value));
}

async function act(what: 'replay' | 'drop', ids: readonly string[], deed: Deed): Promise<void> {
  if (ids.length > 0 && deed.all) {
    throw new NornError('usage', `./norn deadletters ${what} was given ids and --all: give one of the two`);
  }
  if (ids.length === 0 && !deed.all) {
    const cure = `give ids, as ./norn deadletters list shows them, or --all`;
    throw new NornError('dead_letters_unnamed', `./norn deadletters ${what} must know which: ${cure}`);
  }
  await withBox(async (opened) => {
    const { box, deeds } = opened;
    const trail = await opened.openTrail();
    try {
      // Read behind the lock: what another did before is seen.
      if (deed.all) await actOnAll({ box, deeds, trail }, what, deed);
      else await actOnNamed({ box, deeds, trail }, { what, ...deed }, ids);
    } finally {
      await trail.close();
    }
  });
}

interface Hands {
  readonly box: DeadLetterBox;
  readonly deeds: DeadLetterDeeds;
  readonly trail: Trail;
}

async function actOnAll(hands: Hands, what: 'replay' | 'drop', deed: Deed): Promise<void> {
  const { letters, total } = await hands.box.list({ ...choiceOf(deed), state: 'waiting' });
  if (letters.length === 0) {
    if (deed.json) writeJson([]);
    else write(`No dead letters that match wait: nothing to ${what}.`);
    return;
  }
  if (!deed.yes && !(await isAgreed(`${what} ${counted(letters.length)} dead letters?`))) return;
  await settleAll(hands, new Outcomes(what, letters.length, deed.json), letters);
  if (total > letters.length) process.stderr.write(`${counted(total - letters.length)} are left: run it again\n`);
}

async function actOnNamed(
  hands: Hands,
  { what, json }: { readonly what: 'replay' | 'drop'; readonly json?: boolean },
  ids: readonly string[],
): Promise<void> {
  const wanted = [...new Set(ids)];
  const found = await hands.box.named(wanted);
  const outcomes = new Outcomes(what, wanted.length, json);
  for (const id of wanted) {
    const letter = found.get(id);
    if (letter === undefined) outcomes.add(id, `not ${outcomes.past}: there is no such dead letter`);
    else if (letter.state !== 'waiting') outcomes.add(id, `not ${outcomes.past}: was ${letter.state} before`);
  }
  await settleAll(hands, outcomes, [...found.values()]);
}

async function settleAll({ deeds, trail }: Hands, outcomes: Outcomes, letters: readonly DeadLetter[]): Promise<void> {
  const { what, past } = outcomes;
  const by = userInfo().username;
  const tell = async (settled: readonly Settled[]): Promise<void> => {
    for (const { letter, refused } of settled) {
      outcomes.add(letter.id, refused === undefined ? past : `not ${past}: ${refused.message}`);
    }
    const done = settled.filter(({ refused }) => refused === undefined).map(({ letter }) => letter);
    await trail.note(done, { past, by });
    outcomes.progress();
    endIfUnread();
  };
  try {
    await holdingOn(() => deeds.settle(letters, { what, by, tell }));
  } finally {
    outcomes.end();
  }
}

function choiceOf({ since, before, stage }: Which): Choice {
  return {
    ...(stage !== undefined && { stage }),
    ...(since !== undefined && { sinceMs: since }),
    ...(before !== undefined && { beforeMs: before }),
  };
}

async function isAgreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new NornError('not_agreed', `${question} Nobody is there to say so: give --yes`);
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} [y/N] `);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function withBox<T>(work: (opened: OpenBox) => Promise<T>): Promise<T> {
  // Only here: Kafka's client is much to load for every other command.
  const { openBox } = await import('./open-box.ts');
  const opened = await openBox();
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

const spans: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function timeOf(text: string): number {
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : Date.now() - Number(count) * (spans[unit ?? ''] ?? 0);
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError('Give a span as 30m, 12h or 7d, or a date as 2026-01-31.');
}

function stageOf(name: string): string {
  if (stages.includes(name)) return name;
  throw new InvalidArgumentError(`The stages are ${stages.join(', ')}.`);
}
