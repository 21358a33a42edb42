// The simulator's binary: static, so that it runs in an empty image.
import { NornError } from '@norn/base';
import { buildStatic } from '@norn/cli';
import type { Tell } from './play.ts';

/** Builds it when it is not there (a minute) and returns its path. */
export async function buildSimulator(tell: Tell): Promise<string> {
  const notice = setTimeout(() => {
    tell('Building the simulator (once, about a minute)');
  }, 2_000);
  try {
    return await buildStatic('norn-attack', () => undefined);
  } catch (error) {
    const cure = 'cd native-agent && cargo build -p norn-attack says more';
    throw new NornError('build_failed', `The simulator does not build: ${cure}`, { cause: error });
  } finally {
    clearTimeout(notice);
  }
}
