// Where an attack plays: a container or a directory of the host, with a corpus of its own in it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** Output of one program, at most; a manifest of 100,000 files is 27 MB. */
export const outputBytesMax = 128 * 1024 * 1024;

/** Where in a container: see `places`. */
export type ContainerPlace = 'image' | 'upper' | 'bind' | 'volume';

/** Below /srv, which is protected by default. */
export const hostFolder = '/srv/norn-attack';

/** What an attack with a corpus needs of its stage. */
export type Scene = Pick<Stage, 'description' | 'containerId' | 'corpus' | 'ask' | 'launch'>;

export interface Stage {
  /** "container 4f1c… (norn-attack-1a2b, image …)" or "directory /srv/norn-attack/…". */
  readonly description: string;
  /** Full id; empty on the host. */
  readonly containerId: string;
  /** The corpus, as the attacker sees it. */
  readonly corpus: string;
  /** Runs norn-attack to its end and returns what it printed. */
  ask(args: readonly string[]): Promise<string>;
  /** Starts a shell with this line and does not wait. */
  launch(line: string): Promise<void>;
  /** Folder of the catalogue's actions, as the attacker sees it. */
  readonly actions: string;
  /** Starts a program with its arguments and does not wait for its end. */
  start(command: readonly string[]): Promise<Started>;
  close(): Promise<void>;
}

export interface Started {
  /** The host's, also of a program in a container. */
  readonly pid: number;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** On standard output and standard error. */
  readonly printed: string;
}

/** What is fixed for all attacks of a session. */
export interface StageOptions {
  /** The static norn-attack binary. */
  readonly binary: string;
  /** A folder for working files, not inside any protected directory. */
  readonly workDir: string;
  readonly files: number;
  /** Its containers may mount and enter namespaces, as careless people let them. */
  readonly mayMount?: boolean;
  /** Eight hex digits, new for each attack. */
  readonly id: string;
}
