// Which keys an installation has, for people: what for, who holds each, since when and until when, and what is under way.
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pemBlocks, readSigners } from '@norn/config';
import { fingerprintOf } from '@norn/contracts';
import type { HostKeysRow } from '@norn/store';
import { hasPreviousCertificate } from './ingest-certificate.ts';
import type { Phase, Rotation } from './rotation.ts';
import { shortOf } from './rotate.ts';

export interface ShownKey {
  readonly key: string;
  readonly purpose: string;
  readonly holder: string;
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly since: string;
  /** Empty: it does not expire. */
  readonly until: string;
  readonly state: string;
}

export interface ShownRotation {
  readonly key: string;
  readonly phase: Phase;
  readonly inUse: string;
  readonly beside: string;
  /** Undefined where hosts can not be asked. */
  readonly hosts?: {
    readonly following: number;
    readonly behind: readonly { readonly name: string; readonly isConnected: boolean }[];
  };
}

const states: Readonly<Record<Phase, string>> = {
  steady: '',
  announcing: 'interrupted: rotate goes on',
  announced: 'in use; the next one is known',
  turned: 'in use; the old one counts still',
  finishing: 'interrupted: --finish goes on',
};

export function shownKeys(folder: string, rotations: readonly Rotation[]): ShownKey[] {
  const stateOf = (key: string): string => states[rotations.find((each) => each.key === key)?.phase() ?? 'steady'];
  const at = (name: string): string => statSync(join(folder, name)).mtime.toISOString();
  const [command, authority] = rotations;
  const certificateFile = (name: string): X509Certificate[] =>
    pemBlocks(readFileSync(join(folder, name), 'utf8')).map((pem) => new X509Certificate(pem));
  const issuing = certificateFile('authority.cert.pem').find((each) => fingerprintOf(each.raw) === authority?.inUse());
  const [ingest] = certificateFile('ingest.cert.pem');
  const signing = readSigners(folder).map(({ signer, keyId }) => ({
    key: `signing-${signer}`,
    ...{ purpose: 'signs its records', holder: signer, fingerprint: keyId, since: '', until: '', state: '' },
  }));
  return [
    {
      ...{ key: 'command', purpose: 'signs what hosts do', holder: 'remediation' },
      ...{ fingerprint: command?.inUse() ?? '', since: at('command.key.pem'), until: '', state: stateOf('command') },
    },
    {
      ...{ key: 'authority', purpose: 'issues certificates of hosts', holder: 'ingest', ...lifeOf(issuing) },
      state: stateOf('authority'),
    },
    {
      ...{ key: 'ingest', purpose: 'is what ingest shows hosts', holder: 'ingest', ...lifeOf(ingest) },
      state: hasPreviousCertificate(folder) ? 'in use; the other one is kept' : '',
    },
    ...signing,
  ];
}

export function shownRotation(rotation: Rotation, hosts: readonly HostKeysRow[] | undefined): ShownRotation {
  const { key } = rotation;
  const shown = { key, phase: rotation.phase(), inUse: rotation.inUse(), beside: rotation.beside() };
  if (hosts === undefined) return shown;
  const behind = hosts
    .filter((host) => !rotation.follows(host))
    .map(({ name, isConnected }) => ({ name, isConnected }));
  return { ...shown, hosts: { following: hosts.length - behind.length, behind } };
}

/** "command: 2 of 3 hosts have the new key; not yet: web-2 (away)". */
export function rotationText({ key, phase, inUse, beside, hosts }: ShownRotation): string {
  const keys = `${key}: ${shortOf(inUse)} is in use, ${shortOf(beside)} ${phase === 'turned' ? 'counts still' : 'is known'}`;
  if (hosts === undefined) return `${keys}; hosts can not be asked: ./norn up`;
  const all = hosts.following + hosts.behind.length;
  const followed = `${keys}; ${hosts.following} of ${all} hosts have both`;
  const names = hosts.behind.slice(0, 20).map(({ name, isConnected }) => (isConnected ? name : `${name} (away)`));
  return names.length === 0 ? followed : `${followed}; not yet: ${names.join(', ')}`;
}

export function keyRows(keys: readonly ShownKey[]): string[][] {
  const day = (time: string): string => (time === '' ? '–' : time.slice(0, 10));
  return [
    ['KEY', 'FOR', 'HELD BY', 'FINGERPRINT', 'SINCE', 'UNTIL', 'STATE'],
    ...keys.map(({ key, purpose, holder, fingerprint, since, until, state }) => [
      ...[key, purpose, holder, shortOf(fingerprint), day(since), day(until), state],
    ]),
  ];
}

function lifeOf(certificate: X509Certificate | undefined): Pick<ShownKey, 'fingerprint' | 'since' | 'until'> {
  if (certificate === undefined) return { fingerprint: '', since: '', until: '' };
  const { raw, validFromDate, validToDate } = certificate;
  return { fingerprint: fingerprintOf(raw), since: validFromDate.toISOString(), until: validToDate.toISOString() };
}
