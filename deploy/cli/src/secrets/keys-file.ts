// keys.json of a folder of secrets, written.
import { type InstallationKeys, installationKeysFile, readInstallationKeys } from '@norn/config';
import { writeSecret } from '../installation/secrets.ts';

export function changeKeysFile(folder: string, change: (before: InstallationKeys) => InstallationKeys): void {
  const after = change(readInstallationKeys(folder));
  writeSecret(folder, installationKeysFile, `${JSON.stringify(after, undefined, 2)}\n`);
}
