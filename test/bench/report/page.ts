// The document that figures are written into.
import { NornError } from '@norn/base';

/** `text` with what stands between the two marks of `name` replaced. Throws `report_mark_missing`. */
export function withSection(text: string, name: string, section: string): string {
  const [open, close] = [`<!-- figures: ${name} -->`, '<!-- /figures -->'];
  const start = text.indexOf(open);
  const end = text.indexOf(close, start);
  if (start < 0 || end < 0) {
    throw new NornError(
      'report_mark_missing',
      `FIGURES.md has no "${open}" with "${close}" after it: put them where the figures go`,
    );
  }
  return `${text.slice(0, start + open.length)}\n\n${section}\n\n${text.slice(end)}`;
}
