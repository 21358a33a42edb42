// `norn replay FILE` and `norn record FILE`: what the stages make of events that were recorded, and how to record them.
import { InvalidArgumentError, type Command } from 'commander';
import { bytes as sizeText, write, writeJson } from '../print/columns.ts';
import { startProgressBar } from '../print/progress-bar.ts';
import { replay } from './replay.ts';
import { reportText, shortcomings } from './report-text.ts';

interface ReplayFlags {
  readonly rules?: string;
  readonly shuffle?: number;
  readonly duplicate: number;
  readonly lose: number;
  readonly json?: boolean;
}

export function registerReplayCommands(program: Command): void {
  program
    .command('replay <file>')
    .description(
      'Run recorded events through enrichment, process-tree and detection: findings, alerts, a table per workload; exits with 1 when not all could be judged',
    )
    .option('--rules <dir>', "a folder of rules instead of Norn's own")
    .option('--shuffle <seed>', 'out of order, as far as the window allows: changes nothing', seed)
    .option('--duplicate <percent>', 'this many come twice: changes nothing', percent, 0)
    .option('--lose <percent>', 'this many are lost, and GAP events say so', percent, 0)
    .option('--json', 'as one JSON document')
    .action(showReplay);
  program
    .command('record <file>')
    .description("Write the batches that this installation's agents sent, for ./norn replay")
    .option('--minutes <count>', 'only this many of the last minutes', positive)
    .action(record);
}

async function record(file: string, { minutes }: { minutes?: number }): Promise<void> {
  // Only here: Kafka's client is much to load for every other command.
  const { recordTo } = await import('./record.ts');
  const { batches, hosts, bytes } = await recordTo(file, minutes);
  write(`${file}: batches ${batches.toLocaleString('en')}, hosts ${hosts}, ${sizeText(bytes)}`);
  write(`See what comes of them: ./norn replay ${file}`);
}

async function showReplay(file: string, flags: ReplayFlags): Promise<void> {
  const bar = startProgressBar(process.stderr);
  const begun = performance.now();
  try {
    const report = await replay(file, {
      ...(flags.rules !== undefined && { rules: flags.rules }),
      perturbation: {
        seed: flags.shuffle ?? 1,
        isShuffled: flags.shuffle !== undefined,
        duplicatePercent: flags.duplicate,
        losePercent: flags.lose,
      },
      onProgress: (share, events) => {
        bar.draw(share, events);
      },
      onRemark: (sentence) => {
        bar.clear();
        process.stderr.write(`${sentence}\n`);
      },
    });
    bar.clear();
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    if (flags.json) writeJson(report);
    else
      write(`${reportText(report)}\n${report.events.toLocaleString('en')} events, ${report.rules} rules, ${seconds} s`);
    for (const sentence of shortcomings(report)) {
      process.stderr.write(`norn: ${sentence}\n`);
      process.exitCode = 1;
    }
  } finally {
    bar.clear();
  }
}

function seed(text: string): number {
  return wholeNumber(text, 0, 0xffff_ffff);
}

function positive(text: string): number {
  return wholeNumber(text, 1, 1_000_000);
}

function wholeNumber(text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most && text.trim() !== '') return number;
  throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
}

function percent(text: string): number {
  const number = Number(text);
  if (number >= 0 && number <= 100 && text.trim() !== '') return number;
  throw new InvalidArgumentError('Give a number from 0 to 100.');
}
