// `norn bench report`: measures, and writes what came of it into FIGURES.md, each part between its own two marks.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { registerFile, repository } from '@norn/cli';
import { measureCatalogue } from '../../attack/catalogue/command.ts';
import type { Tell } from '../../attack/play.ts';
import { measureLatency } from '../latency.ts';
import { measureAttacks } from '../rollback/attacks.ts';
import { measureCost } from '../rollback/cost.ts';
import type { RollbackOptions } from '../rollback/rollback-part.ts';
import { measureWork } from '../rollback/work.ts';
import { hostileSection } from './hostile-section.ts';
import { measureHostile } from './hostile.ts';
import { withSection } from './page.ts';
import {
  attackSection,
  catalogueSection,
  costSection,
  latencySection,
  rulesSection,
  workSection,
  type RuleSetFigures,
} from './sections.ts';

type Measure = (options: RollbackOptions, tell: Tell) => Promise<string>;

/** In the order in which they are measured: the first four need the installation to run, the last two need that it does not. */
const parts = {
  attacks: async (options, tell) => attackSection((await measureAttacks(options, tell)).figures),
  work: async (options, tell) => workSection((await measureWork(options, tell)).figures),
  catalogue: async (_, tell) => catalogueSection(await measureCatalogue({ where: 'both' }, tell)),
  latency: async (_, tell) => latencySection(await measureLatency(tell)),
  rules: async () => rulesSection(await measureRules()),
  cost: async (options, tell) => costSection((await measureCost(options, tell)).figures),
  hostile: async (_, tell) => hostileSection(await measureHostile(tell)),
} as const satisfies Record<string, Measure>;

export type PartName = keyof typeof parts;
export const partNames = Object.keys(parts) as PartName[];
/** What one run can measure without a stop of the installation. */
export const togetherNames = partNames.filter((name) => name !== 'cost' && name !== 'hostile');

export const figuresFile = join(repository, 'FIGURES.md');

/** Each part is written when it is measured, so that an end in the middle keeps what there is. */
export async function writeReport(
  names: readonly PartName[],
  options: RollbackOptions,
  { tell, file }: { readonly tell: Tell; readonly file: string },
): Promise<void> {
  for (const [index, name] of names.entries()) {
    options.checkInterrupted();
    tell(`\n── ${String(index + 1)} of ${String(names.length)}: ${name}`);
    const section = await parts[name](options, tell);
    writeFileSync(file, withSection(readFileSync(file, 'utf8'), name, `${section}\n\n${stamp()}`));
  }
  tell(`\n✔ ${file}`);
}

function stamp(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: repository, encoding: 'utf8' }).trim();
  const machine = `${String(cpus().length)} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${(totalmem() / 1e9).toFixed(0)} GB, Linux ${release()}`;
  return `*${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${machine}.*`;
}

/** In a process of its own, so that its heap is no other part's. */
function measureRules(): Promise<RuleSetFigures[]> {
  const main = join(repository, 'test/load/rules-bench.main.ts');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', registerFile, main, '--json'], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as RuleSetFigures[]);
      else
        reject(new NornError('bench_failed', `The benchmark of rules ended with ${String(code)}; its words are above`));
    });
  });
}
