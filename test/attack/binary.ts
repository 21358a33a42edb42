// The simulator's binary: static, so that it runs in an empty image.
import { fileURLToPath } from 'node:url';
import { NornError } from '@norn/base';
import { agentProfile } from '@norn/cli';
import type { Tell } from './play.ts';
import { run } from './stage.ts';

const agentFolder = fileURLToPath(new URL('../../native-agent', import.meta.url));
const target = 'x86_64-unknown-linux-gnu';

/** Builds it when it is not there (a minute) and returns its path. */
export async function buildSimulator(tell: Tell): Promise<string> {
  const profile = agentProfile();
  const notice = setTimeout(() => {
    tell('Building the simulator (once, about a minute)');
  }, 2_000);
  try {
    const args = ['build', '--quiet', '--profile', profile, '--locked', '--package', 'norn-attack', '--target', target];
    const env = { ...process.env, RUSTFLAGS: '-C target-feature=+crt-static' };
    await run('cargo', args, { cwd: agentFolder, env });
  } catch (error) {
    throw new NornError(
      'build_failed',
      `The simulator does not build: cd ${agentFolder} && cargo build -p norn-attack`,
      { cause: error },
    );
  } finally {
    clearTimeout(notice);
  }
  return `${process.env['CARGO_TARGET_DIR'] ?? `${agentFolder}/target`}/${target}/${profile}/norn-attack`;
}
