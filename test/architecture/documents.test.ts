// The map and the READMEs lead somewhere.
import { documents, missingPaths } from './documents.ts';

describe('a document', () => {
  it('names only files and folders that exist', () => {
    expect(documents.flatMap(missingPaths)).toEqual([]);
  });
});
