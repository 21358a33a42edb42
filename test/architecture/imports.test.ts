// TypeScript: files that import each other in a circle, and projects that import what they do not name.
import { circlesOf, wayRound } from './circles.ts';
import { imports, unnamedImports } from './imports.ts';

const cure = 'move what both need to a file below them, or pass it as an argument';

describe('a file', () => {
  it('imports no file that leads back to it, types included', () => {
    const circles = circlesOf(imports);
    const told = circles.map(
      (circle) => `${wayRound(circle, imports).join(' → ')}: they can be understood only together; ${cure}`,
    );
    expect(told).toEqual([]);
  });
});

describe('a project', () => {
  it('names the projects that it imports', () => {
    expect(unnamedImports()).toEqual([]);
  });
});
