// The map and the READMEs lead somewhere, and each library, service and crate has one.
import { documents, everything, missingPaths } from './documents.ts';

describe('a document', () => {
  it('names only files and folders that exist', () => {
    expect(documents.flatMap(missingPaths)).toEqual([]);
  });
});

describe('a library, a service, a crate', () => {
  it('has a README', () => {
    const parts = everything.filter((path) => /^\/(libs|services|native-agent\/crates)\/[^/]+$/.test(path));
    const without = parts.filter((part) => !documents.some(({ path }) => `/${path}` === `${part}/README.md`));
    expect(without.map((part) => `${part}: say in a README.md what it is for, and what when it fails`)).toEqual([]);
  });
});
