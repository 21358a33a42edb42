// What the cost part measures, as data: each gives one or more figures of one round.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { isThere } from '@norn/cli';
import { run } from '../../attack/stage.ts';
import type { CostFigures } from './cost-figures.ts';
import { prepareCorpus, untarFiles, type CostSite } from './cost-site.ts';
import { runScript } from './script.ts';
import { npmRecipe } from './work-recipes.ts';

const passesDefault = 30;

export interface CostWorkload {
  readonly names: readonly string[];
  readonly unit: CostFigures['unit'];
  /** A command that must be there. */
  readonly needs?: string;
  /** One figure for each name. */
  measure(site: CostSite): Promise<readonly number[]>;
}

export const workloads: readonly CostWorkload[] = [
  {
    names: ['open+close, untouched directory'],
    unit: 'ns',
    measure: async ({ simulator, untouchedDir }) => [
      Math.min(...(await opens(simulator, join(untouchedDir, 'corpus'), []))),
    ],
  },
  {
    names: ['open+close, protected directory'],
    unit: 'ns',
    measure: async ({ simulator, protectedDir }) => [
      Math.min(...(await opens(simulator, join(protectedDir, 'corpus'), []))),
    ],
  },
  {
    names: ['write-open+close of a protected file, first', 'write-open+close of a protected file, later'],
    unit: 'ns',
    measure: async ({ simulator, protectedDir }) => {
      const [first = NaN, ...later] = await opens(simulator, join(protectedDir, 'corpus'), ['--write']);
      return [first, Math.min(...later)];
    },
  },
  {
    names: ['write-open+close of a file that another process has just written'],
    unit: 'ns',
    measure: async ({ simulator, protectedDir }) => {
      await prepareCorpus(simulator, join(protectedDir, 'fresh'));
      return opens(simulator, join(protectedDir, 'fresh'), ['--write'], 1);
    },
  },
  {
    names: [`untar of ${untarFiles} files, container's overlay`],
    unit: 'ms',
    measure: async ({ tarball, overlayDir }) => [await untar(tarball, join(overlayDir, 'untar'))],
  },
  {
    names: [`untar of ${untarFiles} files, protected on the host`],
    unit: 'ms',
    measure: async ({ tarball, protectedDir }) => [await untar(tarball, join(protectedDir, 'untar'))],
  },
  {
    names: ['npm ci, protected on the host'],
    unit: 'ms',
    needs: 'npm',
    measure: async ({ protectedDir }) => {
      const { code, ms, said } = await runScript({ text: npmRecipe.work, folder: protectedDir });
      if (code !== 0) throw new NornError('work_failed', `npm ci ended with ${String(code)}: ${said}`);
      return [ms];
    },
  },
];

export function isHere({ needs }: CostWorkload): boolean {
  return needs === undefined || isThere(needs);
}

/** Nanoseconds of one, the median over the corpus, for each pass over it. */
async function opens(
  simulator: string,
  corpus: string,
  flags: readonly string[],
  passes = passesDefault,
): Promise<number[]> {
  const args = ['opens', corpus, '--passes', String(passes), ...flags];
  return JSON.parse((await run(simulator, args)).stdout) as number[];
}

async function untar(tarball: string, into: string): Promise<number> {
  await mkdir(into);
  const startedMs = performance.now();
  await run('tar', ['-xf', tarball, '-C', into]);
  return performance.now() - startedMs;
}
