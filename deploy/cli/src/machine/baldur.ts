// Builds Baldur, without libraries where this machine has them to be linked in: then it runs on any base, also on an empty one, and what `up` builds
// is what goes into images.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { runCommand } from '@norn/embedded';
import { repository } from '../installation/installation.ts';
import { provideCargo } from './packages.ts';

type OnLine = (line: string) => void;

const target = 'x86_64-unknown-linux-gnu';
/** Where libelf.a and libz.a are. */
const systemLibraries = '/usr/lib/x86_64-linux-gnu';
const sources = join(repository, 'native-agent');

/** Cargo's profile for what is built of the agent: `release`, or what NORN_AGENT_PROFILE names. Its folder has the same name. */
export function agentProfile(): string {
  return processEnvironment()['NORN_AGENT_PROFILE'] ?? 'release';
}

/** Returns its path; two minutes the first time, 0.3 s when nothing changed. */
export async function buildBaldur(onLine: OnLine): Promise<string> {
  if (await linksStatically()) return buildStaticBaldur(onLine);
  await build(onLine, [], {});
  return join(targetFolder(), agentProfile(), 'baldur');
}

/** The same for an image, whatever this machine has; fails where libelf needs libraries that are not there (Debian 13). */
export async function buildStaticBaldur(onLine: OnLine): Promise<string> {
  await build(onLine, ['--target', target], {
    RUSTFLAGS: '-C target-feature=+crt-static',
    LIBBPF_SYS_LIBRARY_PATH: systemLibraries,
  });
  return join(targetFolder(), target, agentProfile(), 'baldur');
}

async function build(onLine: OnLine, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  await provideCargo(onLine);
  // Who only wants it to run is not told what clippy thinks.
  const env = { ...processEnvironment(), RUSTC_WORKSPACE_WRAPPER: '', ...environment };
  const wanted = ['build', '--profile', agentProfile(), '--locked', '-p', 'baldur', ...args];
  await runCommand('cargo', wanted, { cwd: sources, env, onLine });
}

function targetFolder(): string {
  return processEnvironment()['CARGO_TARGET_DIR'] ?? join(sources, 'target');
}

/** All of libelf, with what it stands on, in a program without libraries. */
async function linksStatically(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'norn-link-'));
  try {
    const [source, program] = ['main.c', 'main'].map((name) => join(folder, name)) as [string, string];
    await writeFile(source, 'int main(void) { return 0; }\n');
    const libraries = ['-Wl,--whole-archive', '-lelf', '-Wl,--no-whole-archive', '-lz'];
    await runCommand('cc', ['-static', '-o', program, source, ...libraries], { env: processEnvironment() });
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true });
  }
}
