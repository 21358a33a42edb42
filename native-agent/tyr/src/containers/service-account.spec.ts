import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceAccountOf } from './service-account.ts';

let proc: string;

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'norn-proc-'));
});
afterEach(() => {
  rmSync(proc, { recursive: true });
});

function accountWith(token: string): string {
  const folder = join(proc, '7/root/var/run/secrets/kubernetes.io/serviceaccount');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'token'), token);
  return serviceAccountOf(7, proc);
}

const signed = (claims: object): string =>
  ['{}', JSON.stringify(claims), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.');

describe('the service account of a container', () => {
  it('is what its token says', () => {
    const claims = { 'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'web', uid: '1' } } };
    expect(accountWith(signed(claims))).toBe('web');
  });

  it('is what a token of an older cluster says', () => {
    expect(accountWith(signed({ 'kubernetes.io/serviceaccount/service-account.name': 'web' }))).toBe('web');
  });

  it.each([
    ['no token', ''],
    ['something else', 'secret'],
    ['a token of somebody else', signed({ sub: 'web' })],
    ['more than a token', `${'a'.repeat(100_000)}.${signed({})}`],
    ['a name without end', signed({ 'kubernetes.io/serviceaccount/service-account.name': 'x'.repeat(5_000) })],
  ])('is not known of %s', (_, text) => {
    expect(accountWith(text)).toBe('');
  });

  it('is not known of a process that is gone', () => {
    expect(serviceAccountOf(8, proc)).toBe('');
  });
});
