// Builds Baldur as `norn up` does, as its target in native-agent/project.json calls it.
import { write } from '../print/columns.ts';
import { buildBaldur } from './baldur.ts';

write(await buildBaldur(write));
