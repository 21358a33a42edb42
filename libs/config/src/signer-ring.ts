// The signers' public keys by id, as they are now: a key is added while stages run, so one that is not known is looked for again.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Signer, type SignerKey, readSigners, signersFile } from './signer-keys.ts';

export class SignerRing {
  private keys = new Map<string, SignerKey>();
  private changedAtMs = -1;

  /** `onUnread`: the file changed and can not be read; the keys that were read before stay good. Throws `secret_missing`, `signers_invalid`. */
  constructor(
    private readonly secretsDir: string,
    private readonly onUnread: (error: unknown) => void,
  ) {
    this.read();
  }

  find(keyId: string): SignerKey | undefined {
    if (!this.keys.has(keyId)) this.refresh();
    return this.keys.get(keyId);
  }

  of(signer: Signer): SignerKey[] {
    return [...this.keys.values()].filter((key) => key.signer === signer);
  }

  /** Reads the file again when it is another than before; whether it was. */
  refresh(): boolean {
    try {
      if (this.changeMs() === this.changedAtMs) return false;
      this.read();
      return true;
    } catch (error) {
      this.onUnread(error);
      return false;
    }
  }

  private read(): void {
    // Looked at before: what changes between the two is read again.
    const changedAtMs = this.changeMs();
    this.keys = new Map(readSigners(this.secretsDir).map((key) => [key.keyId, key]));
    this.changedAtMs = changedAtMs;
  }

  private changeMs(): number {
    return statSync(join(this.secretsDir, signersFile), { throwIfNoEntry: false })?.mtimeMs ?? -1;
  }
}
