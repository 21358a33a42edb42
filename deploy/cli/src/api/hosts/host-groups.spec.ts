import { groupsText } from './host-groups.ts';

it('lists groups with what they are given by and the hosts that are meant', () => {
  const now = new Date('2027-01-01T00:10:00Z');
  const group = {
    name: 'web',
    members: ['web-*', 'host-1'],
    hosts: ['web-1'],
    changedBy: 'ada',
    changedAt: '2027-01-01T00:00:00Z',
  };
  const text = groupsText([group, { ...group, name: 'db', hosts: [] }], now);
  expect(text).toMatch(/web\s+web-\* host-1\s+web-1\s+ada, 10 min/);
  expect(text).toMatch(/db\s+web-\* host-1\s+none now/);
  expect(groupsText([], now)).toContain('./norn hosts groups put');
});
