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
type AgentProgram = 'baldur' | 'norn-attack';

const target = 'x86_64-unknown-linux-gnu';
/** Where libelf.a and libz.a are. */
const systemLibraries = '/usr/lib/x86_64-linux-gnu';
export const agentSources = join(repository, 'native-agent');

/** How cargo is called: what follows its command, what it is told besides, and the folder below its target folder that it fills. */
interface Linking {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
}

const asUsual: Linking = { args: [], env: {}, folder: '' };
const withoutLibraries: Linking = {
  args: ['--target', target],
  env: { RUSTFLAGS: '-C target-feature=+crt-static', LIBBPF_SYS_LIBRARY_PATH: systemLibraries },
  folder: target,
};

/** Tests of the agent and what they run of it are compiled once: linked as what ships, judged by clippy, not optimised. */
const testsProfile = 'dev';
export const compileAll: readonly string[] = ['build', '--workspace', '--all-targets', '--locked'];

/** Cargo's profile for what is built of the agent: `release`, or what NORN_AGENT_PROFILE names. */
function agentProfile(): string {
  return processEnvironment()['NORN_AGENT_PROFILE'] ?? 'release';
}

/** How the agent is linked on this machine, and its tests. */
export async function linking(): Promise<Linking> {
  linksStatically ??= tryToLink();
  return (await linksStatically) ? withoutLibraries : asUsual;
}
let linksStatically: Promise<boolean> | undefined;

/** Returns its path; two minutes the first time, 0.3 s when nothing changed. */
export async function buildBaldur(onLine: OnLine): Promise<string> {
  return build('baldur', await linking(), onLine);
}

/** The same for an image, whatever this machine has; fails where libelf needs libraries that are not there (Debian 13). The simulator needs none. */
export function buildStatic(program: AgentProgram, onLine: OnLine): Promise<string> {
  return build(program, withoutLibraries, onLine);
}

async function build(program: AgentProgram, linked: Linking, onLine: OnLine): Promise<string> {
  await provideCargo(onLine);
  const profile = agentProfile();
  const isTests = profile === testsProfile && linked === (await linking());
  const wanted = isTests ? compileAll : ['build', '--profile', profile, '--locked', '-p', program];
  // Who only wants it to run is not told what clippy thinks.
  const wrapper = isTests ? {} : { RUSTC_WORKSPACE_WRAPPER: '' };
  const env = { ...processEnvironment(), ...wrapper, ...linked.env };
  await runCommand('cargo', [...wanted, ...linked.args], { cwd: agentSources, env, onLine });
  // What it builds by `dev`, cargo puts where it always did.
  return join(targetFolder(), linked.folder, profile === testsProfile ? 'debug' : profile, program);
}

function targetFolder(): string {
  return processEnvironment()['CARGO_TARGET_DIR'] ?? join(agentSources, 'target');
}

/** All of libelf, with what it stands on, in a program without libraries. */
async function tryToLink(): Promise<boolean> {
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
