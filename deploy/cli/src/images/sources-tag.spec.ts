import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recipes } from './recipes.ts';
import { sourcesTag } from './sources-tag.ts';

describe('the tag of an image', () => {
  const root = mkdtempSync(join(tmpdir(), 'norn-tag-'));
  beforeAll(() => {
    const held = Object.values(recipes).flatMap(({ folders }) => folders);
    for (const folder of [...held, 'libs', 'deploy/images', 'deploy/cli/src/images', 'services/console']) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    writeFileSync(join(root, 'package-lock.json'), '{}');
  });
  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  it('is another when something that the image holds has changed, and only then', () => {
    const tags = () => [sourcesTag('stores', root), sourcesTag('agent', root)];
    const before = tags();
    writeFileSync(join(root, 'libs/embedded/kafka.ts'), 'new');
    const [stores, agent] = tags();
    expect([stores === before[0], agent === before[1]]).toEqual([false, true]);
    writeFileSync(join(root, 'libs/embedded/kafka.spec.ts'), 'new');
    expect(tags()).toEqual([stores, agent]);
  });
});
