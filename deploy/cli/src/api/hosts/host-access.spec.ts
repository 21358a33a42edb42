import { chosen, minutesOf } from './host-access.ts';

const hosts = [
  { id: 'host-1', name: 'web' },
  { id: 'host-2', name: 'db' },
  { id: 'host-3', name: 'web' },
];

describe('the host that a command is about', () => {
  it('is named by its id, or by a name that no other has', () => {
    expect(chosen(hosts, 'host-3').id).toBe('host-3');
    expect(chosen(hosts, 'db').id).toBe('host-2');
  });

  it('is not guessed', () => {
    expect(() => chosen(hosts, 'web')).toThrow(/2 hosts are called web: give the id of one \(host-1, host-3\)/);
    expect(() => chosen(hosts, 'we')).toThrow(/There is no host we/);
  });
});

describe('how long a maintenance lasts', () => {
  it.each([
    ['30m', 30],
    ['2h', 120],
    ['7d', 10_080],
  ])('%s: %i minutes', (text, minutes) => {
    expect(minutesOf(text)).toBe(minutes);
  });

  it.each(['', '2', '0m', '8d', '-1h', '1.5h', '2w', '2h30m', '99999999h'])('is not "%s"', (text) => {
    expect(() => minutesOf(text)).toThrow(/is no time for a maintenance: give 30m, 2h or 3d, at most 7d/);
  });
});
