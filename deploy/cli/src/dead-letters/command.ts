// `norn deadletters`: what a stage could not handle, as it came; send it again when the cause is gone, or give it up.
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { NornError } from '@norn/base';
import type { DeadLetter, DeadLetterBox } from '@norn/bus';
import { InvalidArgumentError, type Command } from 'commander';
import { write, writeJson } from '../print/columns.ts';
import type { OpenBox, Trail } from './open-box.ts';
import { letterText, lettersText } from './text.ts';

interface Which {
  readonly stage?: string;
  /** Unix ms. */
  readonly since?: number;
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
  withChoice(letters.command('list', { isDefault: true }).description('List dead letters, newest first')).action(list);
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
    .option(
      '--stage <name>',
      'of one stage only: enrichment, process-tree, detection, tenant-detection, remediation, storage',
    )
    .option('--since <time>', 'that came since: 30m, 12h, 7d, or a date', sinceOf)
    .option('--json', 'as JSON');
}

function withDeed(command: Command): Command {
  return withChoice(command)
    .option('--all', 'all that wait (of the stage, since the time), after a question')
    .option('--yes', 'without the question');
}

async function list(which: Which): Promise<void> {
  const letters = await withBox((box) => chosen(box, which));
  if (which.json) writeJson(letters);
  else write(lettersText(letters, new Date()));
}

async function show(id: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { record, ...letter } = await withBox((box) => box.find(id));
  const value = Buffer.from(record.value);
  if (json) writeJson({ ...letter, headers: record.headers, value: value.toString('base64') });
  else write(letterText(letter, record.headers, value));
}

async function act(what: 'replay' | 'drop', ids: readonly string[], deed: Deed): Promise<void> {
  if ((ids.length === 0) !== (deed.all === true)) {
    const cure = `give ids, as ./norn deadletters list shows them, or --all`;
    throw new NornError('dead_letters_unnamed', `./norn deadletters ${what} must know which: ${cure}`);
  }
  await withBox(async (box, openTrail) => {
    const wanted = deed.all ? await waiting(box, deed) : ids;
    if (deed.all && !deed.yes && !(await isAgreed(`${what} ${wanted.length} dead letters?`))) return;
    const trail = await openTrail();
    const done = await actOnEach({ box, trail }, { what, by: userInfo().username }, wanted).finally(() =>
      trail.close(),
    );
    if (deed.json) writeJson(done);
    else for (const { id, outcome } of done) write(`${id}  ${outcome}`);
    if (done.some(({ outcome }) => outcome.startsWith('not '))) process.exitCode = 1;
  });
}

interface Done {
  readonly id: string;
  readonly outcome: string;
}

/** One that can not be replayed does not keep the others back. */
async function actOnEach(
  { box, trail }: { readonly box: DeadLetterBox; readonly trail: Trail },
  { what, by }: { readonly what: 'replay' | 'drop'; readonly by: string },
  ids: readonly string[],
): Promise<Done[]> {
  const done: Done[] = [];
  const past = what === 'replay' ? 'replayed' : 'dropped';
  for (const id of ids) {
    try {
      const letter = await box.find(id);
      const isDone = await box[what](id, by);
      if (isDone) await trail.note(letter, { past, by });
      done.push({ id, outcome: isDone ? past : 'was replayed or dropped before' });
    } catch (error) {
      if (!(error instanceof NornError)) throw error;
      done.push({ id, outcome: `not ${past}: ${error.message}` });
    }
  }
  return done;
}

/** Oldest first: in the order in which they came. */
async function waiting(box: DeadLetterBox, which: Which): Promise<string[]> {
  const letters = await chosen(box, which);
  return letters
    .filter(({ state }) => state === 'waiting')
    .map(({ id }) => id)
    .reverse();
}

async function chosen(box: DeadLetterBox, { stage, since }: Which): Promise<DeadLetter[]> {
  const letters = await box.list(since);
  return stage === undefined ? letters : letters.filter((letter) => letter.stage === stage);
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

async function withBox<T>(work: (box: DeadLetterBox, openTrail: OpenBox['openTrail']) => Promise<T>): Promise<T> {
  // Only here: Kafka's client is much to load for every other command.
  const { openBox } = await import('./open-box.ts');
  const opened = openBox();
  try {
    return await work(opened.box, () => opened.openTrail());
  } finally {
    await opened.close();
  }
}

const spans: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function sinceOf(text: string): number {
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : Date.now() - Number(count) * (spans[unit ?? ''] ?? 0);
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError('Give a span as 30m, 12h or 7d, or a date as 2026-01-31.');
}
