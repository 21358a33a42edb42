// How single values of an address are changed.
import { type Patch, patched } from './address-patch.ts';

it.each<[string, Patch, string]>([
  ['tab=files', { process: 'p1' }, 'tab=files&process=p1'],
  ['tab=files&process=p1', { process: 'p2' }, 'tab=files&process=p2'],
  ['tab=files&process=p1', { tab: '' }, 'process=p1'],
  ['tab=files&process=p1', { tab: undefined, of: 'p1' }, 'process=p1&of=p1'],
  ['severity=high', { severity: 'critical,high' }, 'severity=critical%2Chigh'],
  ['', { q: 'a b&c' }, 'q=a+b%26c'],
])('%j patched with %j is %j', (before, patch, after) => {
  expect(patched(new URLSearchParams(before), patch).toString()).toBe(after);
});

it('leaves the address that it was given as it was', () => {
  const before = new URLSearchParams('tab=files');
  patched(before, { tab: 'raw' });
  expect(before.get('tab')).toBe('files');
});
