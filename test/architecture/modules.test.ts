// Modules of a crate that use each other in a circle can be understood, moved and tested only together.
import { circlesOf, wayRound } from './circles.ts';
import { crates } from './crates.ts';
import { modulesOf, usesOf } from './modules.ts';

const named = (module: string): string => module || 'the root';
const cure = 'pass what it needs as an argument, or move what both need to a module below them';

describe('the modules of a crate', () => {
  it.each(crates.map((crate) => [crate.name, crate] as const))('of %s use each other in no circle', (_, crate) => {
    const graph = usesOf(modulesOf(crate));
    const circles = circlesOf(graph);
    const told = circles.map((circle) => `${circle.length} modules: ${wayRound(circle, graph).map(named).join(' → ')}`);
    expect({ told, cure }).toEqual({ told: [], cure });
  });
});

describe('a circle', () => {
  const circlesIn = (files: Readonly<Record<string, string>>): string[][] => {
    const sources = Object.entries(files).map(([path, text]) => ({ path: `made/src/${path}.rs`, text }));
    const dependencies = { dependencies: [], 'dev-dependencies': [], 'build-dependencies': [] };
    return circlesOf(usesOf(modulesOf({ name: 'made', folder: 'made', dependencies, sources })));
  };

  it.each([
    ['siblings that use each other', { one: 'use crate::two::B;', two: 'use crate::one::A;' }, ['one', 'two']],
    ['the root, whose type a module takes', { lib: 'fn f() { one::run() }', one: 'use crate::Wanted;' }, ['', 'one']],
    ['a child that takes what its parent has', { one: 'use two::B;', 'one/two': 'use super::A;' }, ['one', 'one::two']],
    [
      'a parent that shows a name and uses it, too',
      { one: 'pub use two::B;\nfn f() -> B {}', 'one/two': 'fn f() { super::g() }' },
      ['one', 'one::two'],
    ],
    [
      'a name through the module that shows it',
      { lib: 'pub use two::B;', one: 'use crate::B;', two: 'use crate::one::{self as first};\nfn f() { first::g() }' },
      ['one', 'two'],
    ],
    [
      'methods of one type',
      {
        one: "impl Work<'_> {\n    fn f(&self) { self.g() }\n}\n",
        two: "use crate::one::Work;\nimpl Work<'_> {\n    fn g(&self) {}\n}\n",
      },
      ['one', 'two'],
    ],
  ])('is seen: %s', (_, files, circle) => {
    expect(circlesIn(files as Record<string, string>)).toEqual([circle]);
  });

  it.each([
    ['a parent that only shows its child', { one: 'mod two;\npub use two::B;', 'one/two': 'use super::A;' }],
    [
      'a child that uses another through their parent',
      { lib: 'use two::B;\nuse one::A;', one: 'use super::B;', two: '' },
    ],
    ['a parent that uses a child', { one: 'use two::B;', 'one/two': '// crate::one::A' }],
    ['tests of its own', { one: '#[cfg(test)]\nmod tests {\n    use crate::two::B;\n}\n', two: 'use crate::one::A;' }],
  ])('is none: %s', (_, files) => {
    expect(circlesIn(files as Record<string, string>)).toEqual([]);
  });
});
