// Attacks below the agent in a container, and what each of them cost.
import { rm } from 'node:fs/promises';
import { type Images, type Kind, kinds } from './images.ts';
import { type Level, differences, levels, manifest, prepare, run } from './trial.ts';

export interface Loss {
  readonly kind: Kind;
  readonly level: number;
  readonly mode: string;
  /** Harmed before the stop, as the finding counts. */
  readonly harmed: number;
  readonly lost: string[];
  readonly exitCode: number;
}

export class Losses {
  private readonly all: Loss[] = [];

  constructor(private readonly images: Images) {}

  /** Of 100 files, which an attack by `command` finds in /data/corpus. */
  async of(kind: Kind, level: Level, mode: string, command: readonly string[]): Promise<Loss> {
    const data = await prepare(this.images, level.user, 100);
    const before = await manifest(this.images, data);
    const { exitCode, stderr } = await run(kind, level, { data, command });
    const lost = differences(before, await manifest(this.images, data));
    const harmed = Number(/"summary":"\S+ (?:encrypted|wiped) (\d+)/.exec(stderr)?.[1] ?? 0);
    const loss = { kind, level: level.level, mode, harmed, lost, exitCode };
    this.all.push(loss);
    if (lost.length > 0) process.stdout.write(`${kind} ${String(level.level)} ${mode}: ${lost.join(' ')}\n${stderr}\n`);
    await rm(data, { recursive: true, force: true });
    return loss;
  }

  /** By the simulator, in an image that holds nothing else. */
  async ofSimulator(level: Level, mode: string): Promise<void> {
    const loss = await this.of('empty', level, mode, ['/norn-attack', 'ransomware', '/data/corpus', '--mode', mode]);
    expect(loss.lost).toEqual([]);
    // Where the work is handed out, its first process may live on and say that its helpers did not.
    expect([1, 137]).toContain(loss.exitCode);
    expect(loss.harmed).toBeGreaterThan(0);
  }

  /** By a program that has the container's own libc. */
  async ofEncryptor(kind: 'glibc' | 'musl', level: Level, mode: string): Promise<void> {
    const loss = await this.of(kind, level, mode, ['/encrypt', '/data/corpus', mode]);
    expect(loss).toMatchObject({ lost: [], exitCode: 137 });
  }

  /** For people. */
  table(): string {
    const lines = ['container  level                             modes  harmed before the stop  files lost'];
    for (const kind of kinds) {
      for (const { level, name } of levels) {
        const of = this.all.filter((loss) => loss.kind === kind && loss.level === level);
        const harmed = of.map((loss) => loss.harmed).sort((a, b) => a - b);
        const lost = of.reduce((sum, loss) => sum + loss.lost.length, 0);
        const range = `${String(harmed[0] ?? '-')} to ${String(harmed.at(-1) ?? '-')}`;
        const cells = [
          kind.padEnd(10),
          `${String(level)} ${name}`.padEnd(33),
          String(of.length).padEnd(6),
          range.padEnd(23),
        ];
        lines.push([...cells, String(lost)].join(' '));
      }
    }
    return lines.join('\n');
  }
}
