// File systems of an installation that have no room left.
import { existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Installation } from '../installation/installation.ts';
import { bytes } from '../print/columns.ts';

const roomBytesMin = 64_000_000;
const writtenFolders = ['', 'run', 'logs', 'agent', 'kafka', 'clickhouse', 'postgres'];

/** One sentence for each. */
export function roomProblems(installation: Installation, bytesMin = roomBytesMin): string[] {
  const byDevice = new Map<number, string>();
  for (const folder of writtenFolders.map((name) => installation.path(name)).filter((path) => existsSync(path))) {
    const { dev } = statSync(folder);
    if (!byDevice.has(dev)) byDevice.set(dev, folder);
  }
  return [...byDevice.values()].flatMap((folder) => roomProblem(folder, bytesMin));
}

function roomProblem(folder: string, bytesMin: number): string[] {
  const { bsize, bfree, bavail, files, ffree } = statfsSync(folder);
  // A share is kept for root (mke2fs -m).
  const left = bsize * (process.getuid?.() === 0 ? bfree : bavail);
  const where = `the file system of ${folder} (mounted on ${mountOf(folder)})`;
  if (left < bytesMin) return [`${where} has ${bytes(left)} left: free some`];
  return files > 0 && ffree === 0 ? [`${where} has no inode left: remove files`] : [];
}

function mountOf(folder: string): string {
  const parent = dirname(folder);
  return parent === folder || statSync(parent).dev !== statSync(folder).dev ? folder : mountOf(parent);
}
