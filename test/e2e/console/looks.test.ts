// What the console promises to every reader: contrast of WCAG AA in both themes, and a first load that stays small.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildConsole } from './browser.ts';

const css = readFileSync(
  fileURLToPath(new URL('../../../services/console/src/app/styles.css', import.meta.url)),
  'utf8',
);
const firstLoadBytesMax = 130_000;

function coloursOf(theme: 'light' | 'dark'): Map<string, string> {
  const opening = theme === 'light' ? ':root {' : "[data-theme='dark'] {";
  const block = css.slice(css.indexOf(opening), css.indexOf('}', css.indexOf(opening)));
  return new Map(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name = '', colour = '']) => [name, colour]),
  );
}

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(['light', 'dark'] as const)('the %s theme', (theme) => {
  const colours = coloursOf(theme);
  const colour = (name: string): string => colours.get(name) ?? '#000000';
  const words = ['ink', 'soft', 'faint', 'accent', 'critical', 'high', 'medium', 'low', 'good'];

  it.each(words.flatMap((word) => ['bg', 'panel', 'raised'].map((ground) => [word, ground] as const)))(
    'has %s readable on %s',
    (word, ground) => {
      expect(contrast(colour(word), colour(ground))).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(['critical', 'high', 'medium', 'low', 'good', 'accent'])('has %s readable on its own wash', (word) => {
    expect(contrast(colour(word), colour(`${word}-wash`))).toBeGreaterThanOrEqual(4.5);
  });

  it('has buttons readable', () => {
    expect(contrast(colour('panel'), colour('accent'))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(colour('panel'), colour('critical'))).toBeGreaterThanOrEqual(4.5);
  });
});

it('loads little before the first paint', async () => {
  const folder = await buildConsole();
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const first = readdirSync(join(folder, 'assets')).filter((name) => page.includes(name));
  const bytes = first.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, 'assets', name))).length, 0);
  rmSync(folder, { recursive: true, force: true });
  expect(first.length).toBeGreaterThanOrEqual(2);
  expect(bytes).toBeLessThan(firstLoadBytesMax);
});
