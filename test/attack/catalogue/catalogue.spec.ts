// The actions as they stand in test/e2e/actions: what can be said of them without playing them.
import { basename } from 'node:path';
import type { AttackAction } from './action.ts';
import { trialsOf } from './play-catalogue.ts';
import { readActions, readCatalogue, readPack } from './read-catalogue.ts';
import { readRulePack } from '@norn/detection/rule-pack';
import { attackTechniques, scopeOf } from '@norn/rules';

const actions = readActions();
const pack = readPack();
const ofSeveralHosts = readRulePack()
  .correlations.filter((rule) => scopeOf(rule) === 'tenant')
  .map(({ file }) => basename(file, '.yml'));
const named = actions.map((action) => [action.name, action] as const);

describe('the catalogue', () => {
  it('has eighty actions or more, thirty of which play in a container', () => {
    expect(actions.length).toBeGreaterThanOrEqual(80);
    expect(trialsOf(readCatalogue(), 'container').length).toBeGreaterThanOrEqual(30);
  });

  it('has an action for every rule of the pack that one host can set off', () => {
    const played = new Set([...actions.map(({ rule }) => rule), ...ofSeveralHosts]);
    expect([...pack.keys()].filter((rule) => !played.has(rule))).toEqual([]);
  });

  it.each(named)('%s expects what its rule says', (_, { rule, technique, severity }) => {
    const { level, techniques } = pack.get(rule)!;
    expect([rule, severity]).toEqual([rule, level]);
    expect(techniques).toContain(technique);
    expect(attackTechniques[technique]).toBeDefined();
  });

  it.each(named)('%s puts back what it writes', (_, { body }) => {
    expect(unreverted(body)).toEqual([]);
  });

  it.each(named)('%s speaks to nobody outside', (_, action) => {
    expect(outsiders(action)).toEqual([]);
  });

  it('finds actions by a part of their name and by the beginning of their technique', () => {
    expect(readCatalogue('cron_persistence-sp').map(({ action }) => action.name)).toEqual(['cron_persistence-spool']);
    expect(new Set(readCatalogue('T1053').map(({ action }) => action.technique.slice(0, 5)))).toEqual(
      new Set(['T1053']),
    );
    expect(() => readCatalogue('nothing-like-it')).toThrow('No action is called *nothing-like-it*');
  });

  it('plays an action that is for both places in each of them', () => {
    const trials = trialsOf(readCatalogue('cron_persistence-spool'), 'both');
    expect(trials.map(({ place }) => place)).toEqual(['host', 'container']);
    expect(trialsOf(readCatalogue('container_drift'), 'host')).toEqual([]);
  });
});

describe('what the tests of the catalogue see', () => {
  it.each([
    [['d=$(mktemp -d)', 'echo x > "$d/x"', 'true'], ['$d']],
    [['f=/etc/cron.d/x', 'echo x > "$f"', ':'], ['$f']],
    [['f=/etc/cron.d/x', `trap 'rm -f "$f"' EXIT`, 'echo x > "$f"'], []],
    [['cp /bin/true /usr/bin/x', 'true', 'true'], ['/usr/bin/x']],
    [['echo x > /etc/x', 'rm /etc/x', 'cat /etc/shadow > /dev/null'], []],
    [['f=/etc/x', '[ -w "$f" ] || exit 1', ': >> "$f"'], []],
    [['f=/etc/x', '[ -w "$f" ] || exit 1', 'echo x >> "$f"'], ['$f']],
    [['cp /bin/ls /bin/.x', `trap 'rm -f /bin/.x' EXIT`, 'mv /bin/.x /bin/ls'], []],
    [['cp /bin/ls /bin/.x', `trap 'rm -f /bin/.x' EXIT`, 'mv /bin/.x /bin/ps'], ['/bin/ps']],
  ])('a script that leaves something behind: %j', (body, left) => {
    expect(unreverted(body)).toEqual(left);
  });
});

/** Places that are written to and that nothing removes. */
function unreverted(body: readonly string[]): string[] {
  const text = body.join('\n');
  const removing = body.filter((line) => /\brm\b|\bshred -u\b/.test(line)).join('\n');
  const redirected = text.matchAll(/(?<![0-9&<])>>?\s*"?([/$][^\s"';|&)]*)/g);
  const made = text.matchAll(/^(?:cp|mv|touch|mkdir|ln|truncate)\b.*?"?([^\s"]+)"?$/gm);
  const places = [...redirected, ...made].map(([, place = '']) => rootOf(place));
  return [...new Set(places)].filter(
    (place) => !isHarmless(place) && !removing.includes(place) && !isAsBefore(place, text),
  );
}

/** "$d/x" stands in what "$d" names. */
function rootOf(place: string): string {
  return place.startsWith('$') ? (place.split('/')[0] ?? place) : place;
}

/** What keeps nothing, what ends with the process, and folders of a container that are made where there are none. */
function isHarmless(place: string): boolean {
  if (place.startsWith('/proc/self/')) return true;
  return place === '/dev/null' || place === '$made' || place === '/usr/local/bin' || place === '/var/log';
}

/** A file that must be there and gets nothing, and one over which its own copy is moved. */
function isAsBefore(place: string, text: string): boolean {
  const getsNothing = text.includes(`[ -w "${place}" ] || exit`) && text.includes(`\n: >> "${place}"`);
  return getsNothing || text.includes(`cp ${place} `);
}

/** Addresses that are neither this machine's nor reserved for documentation. */
function outsiders({ body }: AttackAction): string[] {
  const addresses = body.join('\n').match(/\b\d{1,3}(\.\d{1,3}){3}\b/g) ?? [];
  const hosts = [...body.join('\n').matchAll(/https?:\/\/([a-z][^/:\s'"]*)/g)].map(([, host = '']) => host);
  const own = /^(127\.|198\.51\.100\.|203\.0\.113\.|192\.0\.2\.|169\.254\.169\.254$)/;
  return [
    ...addresses.filter((address) => !own.test(address)),
    ...hosts.filter((host) => !/^localhost$|\.(example|onion)$/.test(host)),
  ];
}
