// Where the repository is, for the tests that read it.
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '../..');
