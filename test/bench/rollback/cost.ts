// The cost part: the same work bare and with an agent that protects, in turn within one run, and the agent's memory.
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildBaldur, bytes, columns } from '@norn/cli';
import { loadConfig, settings } from '@norn/config';
import { z } from 'zod';
import { buildSimulator } from '../../attack/binary.ts';
import type { Tell } from '../../attack/play.ts';
import { startProgress } from '../progress.ts';
import { costFigures, type CostFigures, type CostReport } from './cost-figures.ts';
import { makeTarball, openFiles, openSite, writeFiles, type CostSite, type SiteFolders } from './cost-site.ts';
import { isHere, workloads, type CostWorkload } from './cost-workloads.ts';
import { isSelected, type RollbackPart, type RollbackOptions } from './rollback-part.ts';
import { refuseOtherAgent, startLoneAgent, type LoneAgent } from './lone-agent.ts';
import { workFolder } from './work.ts';

const roundsDefault = 3;
const keptPollMs = 500;
/** Heartbeats come every second. */
const unchangedPolls = 6;
const memoryName = 'memory of the agent';

export async function measureCost(options: RollbackOptions, tell: Tell): Promise<RollbackPart<CostReport>> {
  refuseOtherAgent();
  const baldur = await buildBaldur(() => undefined);
  const id = randomBytes(4).toString('hex');
  const { home } = loadConfig(z.object({ home: settings.home }));
  const folders = { workDir: join(home, 'run', `bench-${id}`), protectedDir: join(workFolder, id) };
  await mkdir(folders.workDir, { recursive: true, mode: 0o700 });
  try {
    const bench = new CostBench(folders, { baldur, simulator: await buildSimulator(tell), tarball: '' }, options);
    const rows = await bench.run(tell);
    return { figures: { cost: rows }, text: costTable(rows), missed: [] };
  } finally {
    for (const dir of [folders.workDir, folders.protectedDir]) await rm(dir, { recursive: true, force: true });
  }
}

interface Samples {
  readonly bare: number[];
  readonly watched: number[];
}

class CostBench {
  private readonly samples = new Map<string, Samples>();
  private readonly chosen: readonly CostWorkload[];

  constructor(
    private readonly folders: SiteFolders,
    private tools: Pick<CostSite, 'simulator' | 'tarball'> & { readonly baldur: string },
    private readonly options: RollbackOptions,
  ) {
    this.chosen = workloads.filter((one) => isHere(one) && one.names.some((name) => isSelected(name, options)));
  }

  async run(tell: Tell): Promise<CostFigures[]> {
    const rounds = this.chosen.length === 0 ? 0 : (this.options.rounds ?? roundsDefault);
    const measuresMemory = isSelected(memoryName, this.options);
    const progress = startProgress(rounds * 2 + Number(measuresMemory), tell);
    if (rounds > 0) this.tools = { ...this.tools, tarball: await makeTarball(this.folders.workDir) };
    for (let round = 1; round <= rounds; round++) {
      await this.measure('bare');
      progress.step(`round ${round}, bare`);
      await this.measure('watched');
      progress.step(`round ${round}, with the agent`);
    }
    const rows = this.chosen.flatMap(({ names, unit }) => names.map((name) => this.row(name, unit)));
    if (!measuresMemory) return rows;
    const memory = await this.measureMemory();
    progress.step(memoryName);
    return [...rows, memory];
  }

  private row(name: string, unit: CostFigures['unit']): CostFigures {
    return costFigures(name, unit, this.samples.get(name) ?? { bare: [], watched: [] });
  }

  /** The files are there before the agent starts, as on a host that is protected from now on. */
  private async measure(how: keyof Samples): Promise<void> {
    const site = await openSite(this.folders, this.tools);
    try {
      const agent = how === 'watched' ? await this.startAgent() : undefined;
      try {
        for (const workload of this.chosen) {
          this.options.checkInterrupted();
          this.keep(workload.names, how, await workload.measure(site));
        }
      } finally {
        await agent?.stop();
      }
    } finally {
      await site.close();
    }
  }

  private keep(names: readonly string[], how: keyof Samples, figures: readonly number[]): void {
    for (const [index, name] of names.entries()) {
      const samples = this.samples.get(name) ?? { bare: [], watched: [] };
      samples[how].push(figures[index] ?? NaN);
      this.samples.set(name, samples);
    }
  }

  private async startAgent(): Promise<LoneAgent> {
    const dir = join(this.folders.workDir, 'agent');
    await rm(dir, { recursive: true, force: true });
    return startLoneAgent(this.tools.baldur, dir, this.folders.protectedDir);
  }

  /** With an empty vault, and with `entries` files in it. */
  private async measureMemory(): Promise<CostFigures> {
    await mkdir(this.folders.protectedDir, { recursive: true });
    const empty = await this.startAgent();
    const bare = empty.rssBytes();
    await empty.stop();
    const entries = join(this.folders.protectedDir, 'entries');
    writeFiles(entries, this.options.entries);
    const full = await this.startAgent();
    try {
      await untilKept(full, this.options);
      // Part of the vault's room is only for files that somebody opens.
      openFiles(entries, this.options.entries);
      const files = await untilKept(full, this.options);
      const samples = { bare: [bare], watched: [full.rssBytes()] };
      return costFigures(`${memoryName}, empty and with ${files} files in its journal`, 'bytes', samples);
    } finally {
      await full.stop();
    }
  }
}

/** How many it keeps: all, or until it takes no more. */
async function untilKept(
  agent: LoneAgent,
  { entries, checkInterrupted }: Pick<RollbackOptions, 'entries' | 'checkInterrupted'>,
): Promise<number> {
  const kept = (): number => Number(agent.health()?.vaultFiles ?? 0);
  for (let before = kept(), unchanged = 0; before < entries && unchanged < unchangedPolls;) {
    checkInterrupted();
    await sleep(keptPollMs);
    unchanged = kept() === before ? unchanged + 1 : 0;
    before = kept();
  }
  return kept();
}

function costTable(rows: readonly CostFigures[]): string {
  const absent = workloads.filter((workload) => !isHere(workload));
  return [
    columns([['COST', 'WITHOUT', 'WITH', 'ADDED', 'RATIO'], ...rows.map(costRow)]),
    ...absent.map(({ names, needs }) => `${names.join(', ')}: not here: ${needs ?? ''}`),
  ].join('\n');
}

function costRow({ name, unit, bare, watched, added, ratio }: CostFigures): string[] {
  const shown = (value: number): string => (unit === 'bytes' ? bytes(value) : `${Math.round(value)} ${unit}`);
  return [name, shown(bare), shown(watched), shown(added), ratio.toFixed(2)];
}
