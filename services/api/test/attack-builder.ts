// Builds an attack as the pipeline would have stored it: processes, events, findings, verdicts. For tests of the API and the console.
import { createHash } from 'node:crypto';

export interface BuiltImage {
  path: string;
  commandLine: string;
  flags?: number;
}

export interface BuiltProcess {
  uid: string;
  parent: BuiltProcess | undefined;
  pid: number;
  namespacePid: number;
  container: BuiltContainer | undefined;
  images: BuiltImage[];
  userId: number;
  userName: string;
  startUs: number;
  /** 0: it runs. */
  endUs: number;
  exitStatus: number;
}

export interface BuiltContainer {
  id: string;
  name: string;
  image: string;
}

export interface BuiltEvent {
  process: BuiltProcess;
  kind: number;
  us: number;
  path: string;
  target?: string;
  flags?: number;
  value?: number;
  result?: number;
}

export interface BuiltFile {
  path: string;
  verdict: 'restored' | 'removed' | 'unchanged' | 'lost' | 'conflict';
  reason?: string;
  change?: string;
  size: number;
  process: BuiltProcess;
  us: number;
}

/** The same name gives the same id. */
export function idOf(name: string, hexDigits = 32): string {
  return createHash('sha256').update(name).digest('hex').slice(0, hexDigits);
}

type ProcessFacts = Partial<
  Pick<BuiltProcess, 'namespacePid' | 'container' | 'userId' | 'userName' | 'endUs' | 'exitStatus'>
>;

export class AttackBuilder {
  readonly processes: BuiltProcess[] = [];
  readonly events: BuiltEvent[] = [];
  readonly files: BuiltFile[] = [];

  constructor(readonly name: string) {}

  /** `commands`: the command lines of its images in order; the path is the first word. */
  process(
    parent: BuiltProcess | undefined,
    pid: number,
    startUs: number,
    commands: readonly string[],
    facts: ProcessFacts = {},
  ): BuiltProcess {
    const container = 'container' in facts ? facts.container : parent?.container;
    const process: BuiltProcess = {
      uid: idOf(`${this.name} process ${pid}`),
      parent,
      pid,
      namespacePid: facts.namespacePid ?? pid,
      container,
      images: commands.map((commandLine) => ({ commandLine, path: pathOf(commandLine) })),
      userId: facts.userId ?? parent?.userId ?? 0,
      userName: facts.userName ?? parent?.userName ?? 'root',
      startUs,
      endUs: facts.endUs ?? 0,
      exitStatus: facts.exitStatus ?? 0,
    };
    this.processes.push(process);
    if (process.endUs > 0) this.event(process, 3, process.endUs, '', { result: process.exitStatus });
    return process;
  }

  event(process: BuiltProcess, kind: number, us: number, path: string, more: Partial<BuiltEvent> = {}): void {
    this.events.push({ process, kind, us, path, ...more });
  }

  file(
    process: BuiltProcess,
    us: number,
    path: string,
    verdict: BuiltFile['verdict'],
    more: Partial<BuiltFile> = {},
  ): void {
    const size = 900 + (Number.parseInt(idOf(path, 6), 16) % 250_000);
    this.files.push({
      path,
      verdict,
      process,
      us,
      size,
      change: verdict === 'removed' ? 'created' : 'in-place',
      ...more,
    });
    this.event(process, 10, us, path, { flags: verdict === 'removed' ? 0o101 : 1 });
  }
}

const folders: Readonly<Record<string, string>> = {
  systemd: '/usr/lib/systemd',
  containerd: '/usr/bin',
  'containerd-shim-runc-v2': '/usr/bin',
};

function pathOf(commandLine: string): string {
  const program = commandLine.split(' ')[0] ?? '';
  if (program.startsWith('/')) return program;
  if (program === 'python3') return '/usr/bin/python3.11';
  return `${folders[program] ?? '/usr/bin'}/${program}`;
}

export function ancestorsOf(process: BuiltProcess): BuiltProcess[] {
  const above: BuiltProcess[] = [];
  for (let one = process.parent; one !== undefined && above.length < 32; one = one.parent) above.push(one);
  return above;
}
