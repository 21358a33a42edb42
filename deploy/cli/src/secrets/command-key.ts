// The command key: its file is a ring whose first key signs, and keys.json has the lists of keys that hosts take one after the other.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { pemBlocks, readInstallationKeys } from '@norn/config';
import { type HeldCommandKeys, commandKeyId, publicKeyPemOf, readCommandKeys, signCommandKeys } from '@norn/response';
import type { HostKeysRow } from '@norn/store';
import { writeSecret } from '../installation/secrets.ts';
import { changeKeysFile } from './keys-file.ts';
import type { Phase, Rotation } from './rotation.ts';

const keyFile = 'command.key.pem';
/** Of services of their own: what ingest tells a new host. */
const publicFile = 'command.public.pem';

export class CommandKeyRotation implements Rotation {
  readonly key = 'command';

  constructor(private readonly folder: string) {}

  phase(): Phase {
    const { length } = this.ring();
    const listed = this.list().keys.length;
    if (length === 1) return listed === 1 ? 'steady' : 'finishing';
    if (listed === 1) return 'announcing';
    return publicKeyPemOf(this.first()) === this.list().keys.at(-1) ? 'turned' : 'announced';
  }

  inUse(): string {
    return commandKeyId(createPublicKey(this.first()));
  }

  beside(): string {
    const [, other] = this.ring();
    return other === undefined ? '' : commandKeyId(createPublicKey(other));
  }

  /** The key is kept before anybody hears of it: nobody is to go by one that is lost. */
  announce(): Promise<void> {
    if (this.ring().length === 1) {
      const { privateKey } = generateKeyPairSync('ed25519');
      this.keep([this.first(), privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]);
    }
    this.tell(this.ring().map(publicKeyPemOf));
    return Promise.resolve();
  }

  turn(): Promise<void> {
    this.keep(this.ring().toReversed());
    return Promise.resolve();
  }

  back(): Promise<void> {
    return this.turn();
  }

  /** The key goes before hosts hear that it counts no more: what is signed from then on is by the one that stays. */
  finish(): Promise<void> {
    this.keep([this.first()]);
    this.tell([publicKeyPemOf(this.first())]);
    return Promise.resolve();
  }

  follows(host: HostKeysRow): boolean {
    return host.canFollow && host.commandKeys >= this.list().number;
  }

  lossOf(host: HostKeysRow): string {
    // The one that they have had before stays.
    if (this.phase() === 'announced') return '';
    if (!host.canFollow) return 'its agent is too old to follow, or was never heard';
    return host.isConnected && !this.follows(host) ? 'it has not taken the new key; its log says why' : '';
  }

  isStrange({ commandKeys }: HostKeysRow): boolean {
    return commandKeys > this.list().number;
  }

  inUseSinceMs(): number {
    return statSync(join(this.folder, keyFile)).mtimeMs;
  }

  changedAtMs(): number {
    const { at } = readInstallationKeys(this.folder).commandKeys.at(-1) ?? { at: '' };
    // An unreadable time is none.
    return Math.max(this.inUseSinceMs(), Date.parse(at) || 0);
  }

  private first(): string {
    const [first] = this.ring();
    if (first !== undefined) return first;
    const place = join(this.folder, keyFile);
    throw new NornError('command_key_invalid', `${place} holds no key: put it back from your secret store`);
  }

  private ring(): string[] {
    return pemBlocks(readFileSync(join(this.folder, keyFile), 'utf8'));
  }

  /** The list that hosts have who miss none; that of their enrolment, as long as there was no other. */
  private list(): HeldCommandKeys {
    const newest = readInstallationKeys(this.folder).commandKeys.at(-1);
    const held = newest && readCommandKeys(Buffer.from(newest.list, 'base64'));
    return held ?? { number: 0, keys: [publicKeyPemOf(this.first())] };
  }

  private keep(ring: readonly string[]): void {
    writeSecret(this.folder, keyFile, ring.join(''));
    const [first = ''] = ring;
    if (existsSync(join(this.folder, publicFile))) writeSecret(this.folder, publicFile, publicKeyPemOf(first));
  }

  /** Signed by the key in use, which is in the list before. */
  private tell(keys: readonly string[]): void {
    const { commandKeys, signature } = signCommandKeys({ number: this.list().number + 1, keys }, this.first());
    const list = { list: base64(commandKeys), signature: base64(signature), at: new Date().toISOString() };
    changeKeysFile(this.folder, (before) => ({ ...before, commandKeys: [...before.commandKeys, list] }));
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
