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

type ProcessFacts = Pick<BuiltProcess, 'pid' | 'startUs'> &
  Partial<Pick<BuiltProcess, 'namespacePid' | 'container' | 'userId' | 'userName' | 'endUs' | 'exitStatus'>> & {
    /** The command lines of its images in order; the path is the first word. */
    commands: readonly string[];
  };

export class AttackBuilder {
  readonly processes: BuiltProcess[] = [];
  readonly events: BuiltEvent[] = [];
  readonly files: BuiltFile[] = [];

  constructor(readonly name: string) {}

  /** A child has its parent's container and user unless told. */
  process(parent: BuiltProcess | undefined, { commands, ...facts }: ProcessFacts): BuiltProcess {
    const process: BuiltProcess = {
      uid: idOf(`${this.name} process ${facts.pid} ${facts.startUs}`),
      parent,
      namespacePid: facts.pid,
      container: parent?.container,
      images: commands.map((commandLine) => ({ commandLine, path: pathOf(commandLine) })),
      userId: parent?.userId ?? 0,
      userName: parent?.userName ?? 'root',
      endUs: 0,
      exitStatus: 0,
      ...facts,
    };
    this.processes.push(process);
    if (process.endUs > 0) this.event(process, { kind: 3, us: process.endUs, path: '', result: process.exitStatus });
    return process;
  }

  event(process: BuiltProcess, event: Omit<BuiltEvent, 'process'>): void {
    this.events.push({ process, ...event });
  }

  file(process: BuiltProcess, facts: Omit<BuiltFile, 'process' | 'size'> & Partial<Pick<BuiltFile, 'size'>>): void {
    const size = 900 + (Number.parseInt(idOf(facts.path, 6), 16) % 250_000);
    const created = facts.verdict === 'removed';
    this.files.push({ process, size, change: created ? 'created' : 'in-place', ...facts });
    this.event(process, { kind: 10, us: facts.us, path: facts.path, flags: created ? 0o101 : 1 });
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
