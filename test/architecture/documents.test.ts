// The map and the READMEs lead somewhere, and each library, service and crate has one.
import { documents, everything, missingPaths } from './documents.ts';

/** A row that is wider does not fit a screen. `./norn bench report` writes FIGURES.md. */
const rowCharactersMax = 160;
const written = 'FIGURES.md';

describe('a document', () => {
  it('names only files and folders that exist', () => {
    expect(documents.flatMap(missingPaths)).toEqual([]);
  });

  it('has tables that fit a screen', () => {
    const rows = documents
      .filter(({ path }) => path !== written)
      .flatMap(({ path, lines }) => lines.map((line, index) => ({ place: `${path}:${index + 1}`, line })));
    const wide = rows.filter(({ line }) => line.startsWith('|') && line.length > rowCharactersMax);
    const cure = `at most ${rowCharactersMax}; go on in a row whose first cell is empty`;
    expect(wide.map(({ place, line }) => `${place}: ${line.length} characters, ${cure}`)).toEqual([]);
  });
});

describe('a library, a service, a crate', () => {
  it('has a README', () => {
    const parts = everything.filter((path) => /^\/(libs|services|native-agent\/crates)\/[^/]+$/.test(path));
    const without = parts.filter((part) => !documents.some(({ path }) => `/${path}` === `${part}/README.md`));
    expect(without.map((part) => `${part}: say in a README.md what it is for, and what when it fails`)).toEqual([]);
  });
});
