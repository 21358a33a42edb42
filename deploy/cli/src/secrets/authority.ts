// The authority of hosts: the first key of its file issues, and all of its certificates let hosts in, the older one first.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pemBlocks, readInstallationKeys } from '@norn/config';
import { fingerprintOf } from '@norn/contracts';
import { type Authority, createSuccessor, openAuthority } from '@norn/embedded/certificates';
import type { HostKeysRow } from '@norn/store';
import { authorityInUse } from '../installation/authority.ts';
import { writeSecret } from '../installation/secrets.ts';
import { issueForIngest, showIngest } from './ingest-certificate.ts';
import { changeKeysFile } from './keys-file.ts';
import type { Phase, Rotation } from './rotation.ts';

const keyFile = 'authority.key.pem';
const certFile = 'authority.cert.pem';

export class AuthorityRotation implements Rotation {
  readonly key = 'authority';

  constructor(private readonly folder: string) {}

  phase(): Phase {
    const [keys, certificates] = [this.read(keyFile).length, this.read(certFile).length];
    if (keys === 1) return certificates === 1 ? 'steady' : 'announcing';
    if (certificates === 1) return 'finishing';
    return this.isNewInUse() ? 'turned' : 'announced';
  }

  inUse(): string {
    const [older = '', newer = older] = this.read(certFile);
    return fingerprintOf(this.isNewInUse() ? newer : older);
  }

  beside(): string {
    const [older = '', newer] = this.read(certFile);
    if (newer === undefined) return '';
    return fingerprintOf(this.isNewInUse() ? older : newer);
  }

  /** The certificate first: one whose key was never kept issues nothing, and another takes its place when it is gone on with. */
  async announce(): Promise<void> {
    // Hosts are told of a next one only by an authority that can vouch for it.
    await authorityInUse(this.folder);
    const [older = ''] = this.read(certFile);
    const made = await createSuccessor({ certificatePem: older });
    this.write(certFile, [older, made.certificatePem]);
    this.write(keyFile, [...this.read(keyFile), made.keyPem]);
  }

  /** Ingest shows a certificate of the new one, and with it what the old one says of the new: a host that was away trusts the old one alone. */
  async turn(): Promise<void> {
    const [inUse, next] = await this.both();
    const [own = '', ...bridges] = this.read('ingest.cert.pem');
    const issued = await issueForIngest(next, own);
    const bridge = await inUse.vouchFor(next.certificatePem);
    showIngest(this.folder, issued.keyPem, [issued.certificatePem, bridge, ...bridges]);
    this.write(keyFile, this.read(keyFile).toReversed());
  }

  async back(): Promise<void> {
    const [, older] = await this.both();
    const [own = '', , ...bridges] = this.read('ingest.cert.pem');
    const issued = await issueForIngest(older, own);
    showIngest(this.folder, issued.keyPem, [issued.certificatePem, ...bridges]);
    this.write(keyFile, this.read(keyFile).toReversed());
  }

  async finish(forget: boolean): Promise<void> {
    const { certificatePem, keyPem } = await authorityInUse(this.folder);
    const gone = this.read(certFile).filter((pem) => fingerprintOf(pem) !== fingerprintOf(certificatePem));
    changeKeysFile(this.folder, ({ retiredAuthorities, ...before }) => {
      const known = retiredAuthorities.filter((pem) => !gone.includes(pem));
      return { ...before, retiredAuthorities: forget ? [] : [...known, ...gone] };
    });
    if (forget) this.dropBridges();
    this.write(certFile, [certificatePem]);
    this.write(keyFile, [keyPem]);
  }

  follows(host: HostKeysRow): boolean {
    const trusted = this.read(certFile).map((pem) => fingerprintOf(pem));
    return isDeepStrictEqual([...host.authorities].sort(), trusted.sort());
  }

  lossOf(host: HostKeysRow, now: Date): string {
    if (!host.canFollow) return 'its agent is too old to follow, or was never heard';
    const isOfOther = host.issuer === this.beside() && host.certificateExpiresAtMs > now.getTime();
    return isOfOther ? 'its certificate is of the authority that goes' : '';
  }

  /** One that is away may be of an authority that was forgotten since. */
  isStrange({ isConnected, issuer }: HostKeysRow): boolean {
    const known = [...this.read(certFile), ...readInstallationKeys(this.folder).retiredAuthorities];
    return isConnected && issuer !== '' && !known.some((pem) => fingerprintOf(pem) === issuer);
  }

  inUseSinceMs(): number {
    return statSync(join(this.folder, keyFile)).mtimeMs;
  }

  changedAtMs(): number {
    return Math.max(this.inUseSinceMs(), statSync(join(this.folder, certFile)).mtimeMs);
  }

  private isNewInUse(): boolean {
    const [, newer] = this.read(certFile);
    const [first = ''] = this.read(keyFile);
    return newer !== undefined && new X509Certificate(newer).checkPrivateKey(createPrivateKey(first));
  }

  /** The one in use, and the other. */
  private async both(): Promise<[Authority, Authority]> {
    const inUse = await authorityInUse(this.folder);
    const [, keyPem = ''] = this.read(keyFile);
    const [certificatePem = ''] = this.read(certFile).filter(
      (pem) => fingerprintOf(pem) !== fingerprintOf(inUse.certificatePem),
    );
    return [inUse, await openAuthority({ keyPem, certificatePem })];
  }

  private dropBridges(): void {
    const [own = ''] = this.read('ingest.cert.pem');
    writeSecret(this.folder, 'ingest.cert.pem', own);
  }

  private read(name: string): string[] {
    return pemBlocks(readFileSync(join(this.folder, name), 'utf8'));
  }

  private write(name: string, blocks: readonly string[]): void {
    writeSecret(this.folder, name, blocks.map((pem) => `${pem.trimEnd()}\n`).join(''));
  }
}
