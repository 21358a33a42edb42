// Builds what an installation runs that is not TypeScript from source: the agent, and the console's files.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { processEnvironment } from '@norn/config';
import { provide, runCommand } from '@norn/embedded';
import { baldurProgram, consoleFolder, repository, type Installation } from '../installation/installation.ts';
import { buildBaldur } from './baldur.ts';

type OnLine = (line: string) => void;

/** Built once for each state of its sources, then copied into the installation: a build goes on beside an agent that runs. */
export async function buildAgent(installation: Installation, onLine: OnLine): Promise<void> {
  const built = await buildBaldur(onLine);
  const program = baldurProgram(installation);
  mkdirSync(dirname(program), { recursive: true, mode: 0o700 });
  cpSync(built, `${program}.part`);
  renameSync(`${program}.part`, program);
}

const consoleSources = join(repository, 'services/console');

/** Built once for each state of its sources, then copied into the installation. */
export async function buildConsole(installation: Installation): Promise<void> {
  if (!existsSync(join(consoleSources, 'index.html'))) return;
  const hash = sourcesHash();
  const folder = consoleFolder(installation);
  const stamp = join(folder, '.built-from');
  // What is in it is for everybody, by the API; the folder is nobody's but ours, as all below home.
  if (existsSync(folder)) chmodSync(folder, 0o700);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  const built = await builtConsole(hash);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  cpSync(built, folder, { recursive: true });
  writeFileSync(stamp, hash);
}

/** The folder of the built console. */
export function builtConsole(hash = sourcesHash()): Promise<string> {
  return provide({
    name: 'console',
    content: [hash],
    build: async (outDir) => {
      const manifest = createRequire(join(consoleSources, 'package.json')).resolve('vite/package.json');
      const vite = join(dirname(manifest), 'bin/vite.js');
      // Relative: the build's own plugins join it to their root.
      const args = [vite, 'build', '--outDir', relative(consoleSources, outDir), '--emptyOutDir', '--logLevel', 'warn'];
      const env = { ...processEnvironment(), NODE_ENV: 'production' };
      await runCommand(process.execPath, args, { cwd: consoleSources, env });
    },
  });
}

function sourcesHash(): string {
  const hash = createHash('sha256').update(readFileSync(join(repository, 'package-lock.json')));
  const contracts = join(repository, 'libs/contracts/src');
  for (const file of [...filesOf(consoleSources), ...filesOf(contracts)]) hash.update(file).update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/** Names of what changes nothing of what is built. */
const notSources = /^(node_modules|dist|\.vite)$|\.(spec\.ts|md)$/;

function filesOf(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => !notSources.test(name));
  return names.sort().flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesOf(path) : [path];
  });
}
