// Baldur without libraries: it runs on any base, also on an empty one.
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { runCommand } from '@norn/embedded';
import { provideCargo } from '../machine/packages.ts';
import { repository } from '../installation/installation.ts';

const target = 'x86_64-unknown-linux-gnu';
/** Where libelf.a and libz.a are. */
const systemLibraries = '/usr/lib/x86_64-linux-gnu';

/** Returns its path; two minutes the first time. */
export async function buildStaticBaldur(onLine: (line: string) => void): Promise<string> {
  await provideCargo(onLine);
  const cwd = join(repository, 'native-agent');
  const environment = processEnvironment();
  const env = {
    ...environment,
    RUSTFLAGS: '-C target-feature=+crt-static',
    LIBBPF_SYS_LIBRARY_PATH: systemLibraries,
  };
  await runCommand('cargo', ['build', '--release', '--locked', '-p', 'baldur', '--target', target], {
    cwd,
    env,
    onLine,
  });
  return join(environment['CARGO_TARGET_DIR'] ?? join(cwd, 'target'), target, 'release/baldur');
}
