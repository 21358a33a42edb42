// The cache of what the embedded parts are made of: shared by homes and clones, named by content, filled once.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, chmodSync, closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';

/** `$NORN_TOOLCHAIN` (in an image it is complete and can't be written), else /var/cache/norn, else a folder of this user's that other users can traverse. */
export function toolchainFolder(): string {
  const chosen = processEnvironment()['NORN_TOOLCHAIN'];
  if (chosen && existsSync(chosen)) return chosen;
  const candidates = chosen ? [chosen] : ['/var/cache/norn', `/var/tmp/norn-${String(process.getuid?.() ?? 0)}`];
  const folder = candidates.find(isWritable);
  if (folder) return folder;
  throw new NornError(
    'toolchain_not_writable',
    `None of ${candidates.join(', ')} can be written: set NORN_TOOLCHAIN to a folder that can`,
  );
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Piece {
  readonly name: string;
  /** Everything that decides the content: versions, sources. Another content, another folder. */
  readonly content: readonly string[];
  readonly build: (folder: string) => Promise<void>;
}

/** Where a piece is, or would be. */
export function pieceFolder({ name, content }: Piece, cache = toolchainFolder()): string {
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12);
  return join(cache, `${name}-${hash}`);
}

/** The folder of a piece, built when it is not there yet. Safe against another install at the same moment. */
export async function provide(piece: Piece, cache = toolchainFolder()): Promise<string> {
  const folder = pieceFolder(piece, cache);
  if (existsSync(folder)) return folder;
  const release = await lock(join(cache, `${piece.name}.lock`));
  try {
    if (existsSync(folder)) return folder;
    const unfinished = `${folder}.part`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true, mode: 0o755 });
    await piece.build(unfinished);
    await rename(unfinished, folder);
    return folder;
  } finally {
    release();
  }
}

/** An exclusive lock held by a child that ends when this process does, however it ends. */
export async function lock(file: string): Promise<() => void> {
  // Whoever may open it may hold it.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await held(holder, file);
  return () => {
    holder.stdin.end();
  };
}

function held(holder: ChildProcess, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    holder.stdout?.once('data', () => {
      resolve();
    });
    holder.once('error', reject);
    holder.once('exit', (code) => {
      reject(new NornError('lock_failed', `Could not lock ${file}: flock ended with ${String(code)}`));
    });
  });
}
