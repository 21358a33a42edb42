// A folder of many files is a list: who looks for one reads them all. It is grouped before it comes to that.
import { dirname } from 'node:path';
import { everything } from './documents.ts';

const filesMax = 24;
const cure = 'put those that belong together into a folder of their own';

/** A file in these is found by its name, which is the rule's or the action's own. */
const catalogues = ['/libs/rules/pack', '/test/e2e/actions'];

/** Folders that are over, with how many each may have. A number may only become smaller. */
const known: Readonly<Record<string, number>> = {
  '/native-agent/crates/probe/src': 24,
  '/native-agent/crates/vault/src': 26,
  '/native-agent/crates/watch/src': 29,
};

const counts = new Map<string, number>();
for (const path of everything.filter((one) => /\.(tsx?|mjs|rs|[ch]|proto|ya?ml|sh)$/.test(one))) {
  counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
}

describe('a folder', () => {
  it(`has at most ${filesMax} sources, if it is no catalogue`, () => {
    const over = [...counts]
      .filter(([folder, count]) => !catalogues.includes(folder) && count > (known[folder] ?? filesMax))
      .map(([folder, count]) => `${folder}: ${count} files; ${cure}`);
    expect(over).toEqual([]);
  });
});
