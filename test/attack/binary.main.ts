// Builds the simulator as an attack does, as the target of test/package.json calls it.
import { write } from '@norn/cli';
import { buildSimulator } from './binary.ts';

write(await buildSimulator(write));
