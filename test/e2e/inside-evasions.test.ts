// Evasions from below the agent where it has the least rights; with more, test/long/inside-evasions.test.ts.
import { triesAtEach } from './inside/evasions.ts';
import { levels } from './inside/trial.ts';

jest.setTimeout(1_800_000);

triesAtEach(levels.slice(0, 1));
