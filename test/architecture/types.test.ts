// One run of the compiler checks the types of all sources, and the console's, whose language has a browser's words, one of its own.
import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { everything } from './documents.ts';
import { repository } from './repository.ts';

const compiler = join(repository, 'node_modules/typescript-7/bin/tsc');

function checked(project: string): Set<string> {
  const listed = execFileSync(process.execPath, [compiler, '-p', project, '--listFilesOnly'], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  return new Set(listed.split('\n').map((path) => relative(repository, path)));
}

describe('types', () => {
  it('are checked in every source', () => {
    const seen = new Set([...checked('.'), ...checked('services/console')]);
    const sources = everything
      .filter((path) => /\.(m?ts|tsx)$/.test(path) && !/\.(d|config)\.ts$/.test(path))
      .map((path) => path.slice(1));
    expect(sources.length).toBeGreaterThan(1_000);
    expect(sources.filter((path) => !seen.has(path))).toEqual([]);
  });
});
