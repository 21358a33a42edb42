// The bill of materials of Baldur: the crates that are in it, as cargo-cyclonedx writes it (CycloneDX).
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { provide, runCommand } from '@norn/embedded';
import { repository } from '../installation/installation.ts';

const version = '0.5.9';
const name = 'bill';

/** Writes the bill to `file`. The tool is built once (two minutes). */
export async function writeRustBill(file: string): Promise<void> {
  const tool = await provide({
    name: 'cargo-cyclonedx',
    content: [version],
    build: async (folder) => {
      // A target folder of its own: one that is shared would wait for other builds.
      const env = { ...processEnvironment(), CARGO_TARGET_DIR: join(folder, 'target') };
      const args = ['install', '--locked', '--quiet', '--root', folder, `cargo-cyclonedx@${version}`];
      await runCommand('cargo', args, { env });
      await rm(join(folder, 'target'), { recursive: true });
    },
  });
  const folder = await mkdtemp('/var/tmp/norn-bill-');
  try {
    // It writes beside each crate.
    const isSource = (path: string): boolean => !path.includes('/native-agent/target') && !path.includes('/tyr');
    await cp(join(repository, 'native-agent'), folder, { recursive: true, filter: isSource });
    const how = ['--format', 'json', '--no-build-deps', '--override-filename', name];
    await runCommand(join(tool, 'bin/cargo-cyclonedx'), ['cyclonedx', ...how], { cwd: join(folder, 'crates/baldur') });
    await cp(join(folder, 'crates/baldur', `${name}.json`), file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
