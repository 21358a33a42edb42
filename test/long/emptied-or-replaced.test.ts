// Files that are only emptied, that get ciphertext made elsewhere, or whose directories get other names first: in every place the
// attack is stopped after a part of the files, and undone.
// @norn-strict
import { ensureDocker } from '@norn/testkit';
import { startInstallation, type Installation } from '../e2e/installation.ts';

interface Report {
  state: string;
  filesChanged: number;
  files: { lost: number; conflict: number };
  verdict: { identical: boolean; differences: string[] };
  problems: string[];
}

jest.setTimeout(1_800_000);

const places = ['image', 'upper', 'bind', 'volume', 'host'];
const modes = [
  'wiper-truncate',
  'wiper-ftruncate',
  'wiper-truncate-path',
  'move-directories',
  'elsewhere-rename',
  'elsewhere-mv',
  'elsewhere-copy',
];
/** Of 300: others stop after a dozen, but this machine may be slow. */
const changedMax = 100;

describe('what empties or replaces files', () => {
  let norn: Installation;

  beforeAll(async () => {
    await ensureDocker();
    norn = await startInstallation(8780);
  });
  afterAll(() => norn.stop());

  it.each(places.flatMap((place) => modes.map((mode) => [place, mode])))('is undone (%s, %s)', async (place, mode) => {
    const report = await norn.json<Report>('attack', 'ransomware', '--place', place, '--mode', mode);
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ state: 'remediated', files: { lost: 0, conflict: 0 } });
    expect(report.verdict).toMatchObject({ identical: true, differences: [] });
    expect(report.filesChanged).toBeLessThan(changedMax);
  });
});
