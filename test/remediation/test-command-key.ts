// A command key in a folder of its own, as remediation holds it.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandKey } from '@norn/remediation/parts';
import { publicKeyPemOf } from '@norn/response';
import { createLogger } from '@norn/telemetry';

export function newCommandKeyPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** `put` replaces what is in its file. */
export function makeCommandKey(pem = newCommandKeyPem()) {
  const folder = mkdtempSync(join(tmpdir(), 'norn-command-key-'));
  const put = (content: string): void => {
    writeFileSync(join(folder, 'command.key.pem'), content, { mode: 0o600 });
  };
  put(pem);
  return { commandKey: new CommandKey(folder, createLogger('test')), publicKeyPem: publicKeyPemOf(pem), put };
}
