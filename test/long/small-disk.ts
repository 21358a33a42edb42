// A file system of its own for an installation's state, small enough to be filled to its last byte and emptied again.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const megabyte = 1024 * 1024;
const chunk = Buffer.alloc(megabyte);
/** Of a filler in no hurry: 25 MB/s. */
const slowPauseMs = 40;
/** Whatever is given back is taken again after this long. */
const refillMs = 100;

export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string;
  /** To its last byte. */
  fill(): void;
  /** The same, nearly all of it by one call: no look at what is left comes between much and nothing. */
  fillAtOnce(): void;
  /** At 25 MB/s. */
  fillSlowly(): Promise<void>;
  /** Takes again what anybody gives back. */
  keepFull(forMs: number): Promise<void>;
  /** Of what was filled nothing is left. */
  free(): void;
  remove(): void;
}

export function mountTmpfs(megabytes: number): SmallDisk {
  const path = mkdtempSync('/var/tmp/norn-full-');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m,mode=711`, 'norn-full', path]);
  return smallDisk(path, () => {
    execFileSync('umount', [path]);
    rmSync(path, { recursive: true });
  });
}

/** As most installations have it: blocks of 4 KiB, in an image beside it. Nothing is kept for root. */
export function mountExt4(megabytes: number): SmallDisk {
  const path = mkdtempSync('/var/tmp/norn-full-');
  const image = `${path}.image`;
  execFileSync('truncate', ['-s', `${String(megabytes)}M`, image]);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-b', '4096', image]);
  execFileSync('mount', ['-o', 'loop', image, path]);
  rmSync(join(path, 'lost+found'), { recursive: true });
  return smallDisk(path, () => {
    execFileSync('umount', [path]);
    rmSync(path, { recursive: true });
    rmSync(image);
  });
}

function smallDisk(path: string, remove: () => void): SmallDisk {
  // Below a folder of Norn's: of the home itself it would say that it is another's.
  const ballast = (name: string): string => join(path, 'logs', `ballast-${name}`);
  const fill = (): void => {
    fillToTheEnd(ballast('rest'));
  };
  return {
    path,
    fill,
    fillAtOnce: () => {
      // A little less: the file system needs some for the file itself.
      const bytes = roomOf(path) - megabyte;
      if (bytes > 0) execFileSync('fallocate', ['-l', String(bytes), ballast('most')]);
      fill();
    },
    fillSlowly: async () => {
      const file = openSync(ballast('most'), 'a');
      while (roomOf(path) > megabyte) {
        writeSync(file, chunk);
        await sleep(slowPauseMs);
      }
      closeSync(file);
      fill();
    },
    keepFull: async (forMs) => {
      const end = performance.now() + forMs;
      while (performance.now() < end) {
        fill();
        await sleep(refillMs);
      }
    },
    free: () => {
      for (const name of ['most', 'rest']) rmSync(ballast(name), { force: true });
    },
    remove,
  };
}

function roomOf(path: string): number {
  const { bsize, bavail } = statfsSync(path);
  return bsize * bavail;
}

function fillToTheEnd(file: string): void {
  const descriptor = openSync(file, 'a');
  for (let bytes = chunk.length; bytes > 0;) {
    try {
      writeSync(descriptor, chunk, 0, bytes);
    } catch {
      bytes = Math.floor(bytes / 2); // Down to the last byte.
    }
  }
  closeSync(descriptor);
}
