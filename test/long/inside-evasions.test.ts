// Evasions from below the agent where it has more rights than the least; with those, test/e2e/inside-evasions.test.ts.
// @norn-strict
import { triesAtEach } from '../e2e/inside/evasions.ts';
import { levels } from '../e2e/inside/trial.ts';

jest.setTimeout(1_800_000);

triesAtEach(levels.slice(1));
