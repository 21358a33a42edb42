// A temporary folder that a test's server lives in and that goes away with it.
import { chmodSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part } from '@norn/embedded';

export interface Disposable {
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

export interface Restartable {
  /** kill -9, as on a bad day; the folder stays. */
  kill(): Promise<void>;
  /** Starts it again on the same folder and ports. */
  restart(): Promise<void>;
  /** Of the process that runs now. */
  readonly pid: number;
}

interface Folder {
  readonly path: string;
  hold<Running extends Part>(part: Running, start: () => Promise<Running>): Running & Disposable & Restartable;
}

export function takeFolder(name: string): Folder {
  const path = mkdtempSync(join('/tmp', `norn-test-${name}-`));
  chmodSync(path, 0o711); // PostgreSQL's user passes through.
  return {
    path,
    hold: (part, start) => {
      let current = part;
      return {
        ...part,
        get pid() {
          return current.pid;
        },
        kill: async () => {
          process.kill(current.pid, 'SIGKILL');
          await current.exited;
        },
        restart: async () => {
          current = await start();
        },
        stop: async () => {
          await current.stop();
          await rm(path, { recursive: true, force: true });
        },
      };
    },
  };
}
