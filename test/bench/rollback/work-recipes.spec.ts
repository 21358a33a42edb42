import { spawnSync } from 'node:child_process';
import { recipes } from './work-recipes.ts';

const scripts = recipes.flatMap(({ name, prepare, work }) => [
  { name, text: work },
  ...(prepare ? [{ name: `${name} (prepare)`, text: prepare }] : []),
]);

describe('the recipes of ordinary work', () => {
  it.each(scripts)('$name is a script that bash can read', ({ text }) => {
    expect(spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' }).stderr).toBe('');
  });

  it('have names of their own', () => {
    expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length);
  });
});
