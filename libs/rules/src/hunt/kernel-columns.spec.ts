// What the engine can be asked, a hunt can be asked.
import { auditdFields, pathFields } from '../kernel/auditd.ts';
import { kernelLayout, kernelStreams } from '../kernel/layout.ts';
import { categories } from '../kernel/routes.ts';
import { kernelColumns } from './kernel-columns.ts';

const sources = [
  ...categories.map((category) => ({ product: 'linux', category })),
  { product: 'linux', service: 'auditd' },
  { product: 'linux' },
];

describe('the columns of a hunt', () => {
  it.each(sources)('hold every field that is stored of %j', (source) => {
    const engine = kernelLayout.streamOf(source)!;
    const history = kernelColumns.streamOf(source)!;
    const stored = engine.fieldNames();
    expect(history.fieldNames()).toEqual(stored);
    for (const name of stored)
      expect(history.fields(name).map((column) => column.name)).toEqual(engine.fields(name).map((field) => field.name));
    expect(history.words.map(({ name }) => name)).toEqual(engine.words.map(({ name }) => name));
    expect(history.rows).toContain('kind = ');
  });

  it('are of all sources there are', () => {
    expect(new Set(sources.map((source) => kernelLayout.streamOf(source)?.name))).toEqual(
      new Set(kernelStreams.keys()),
    );
    expect(kernelColumns.sources).toEqual(kernelLayout.sources);
    expect(kernelColumns.streamOf({ product: 'linux', service: 'sshd' })).toBeUndefined();
    expect(kernelColumns.streamOf({ product: 'windows', category: 'process_creation' })).toBeUndefined();
  });

  it('are several where a name stands for several', () => {
    const auditd = kernelColumns.streamOf({ product: 'linux', service: 'auditd' });
    expect(auditd?.fields('NAME').map(({ name }) => name)).toEqual(pathFields.map(({ name }) => name));
    expect(auditd?.fields('a31')).toHaveLength(1);
    expect(auditdFields.length).toBeGreaterThan(40);
  });
});
