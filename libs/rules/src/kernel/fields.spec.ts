// The table of fields against what it points to: the columns of proto/, OpenTelemetry's attributes, the layout.
import { event, lineage } from '@norn/contracts';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { auditdFields, pathFields } from './auditd.ts';
import { fieldsByCategory } from './fields.ts';
import { kernelLayout } from './layout.ts';
import { categories } from './routes.ts';

const messages = [
  event.EventColumnsSchema,
  event.BatchEnrichmentSchema,
  event.ContainerFactSchema,
  lineage.LineageColumnsSchema,
];
const columns = new Set(messages.flatMap(({ name, fields }) => fields.map((field) => `${name}.${field.name}`)));
const attributes = new Set(Object.values(conventions));
const rows = [...new Set([...Object.values(fieldsByCategory).flat(), ...auditdFields, ...pathFields])];

describe('a row of the table of fields', () => {
  it.each(rows.map((row) => [row.name, row] as const))('%s points to what there is', (_name, row) => {
    for (const column of row.columns) expect(columns).toContain(column);
    if (row.otel !== undefined) expect(attributes).toContain(row.otel);
    expect(row.ocsf).toMatch(/^[a-z_]+(\.[a-z_]+)*$/);
  });

  it('has a name that no other field has: rules share what they ask by it', () => {
    expect(new Set(rows.map(({ name }) => name.toLowerCase())).size).toBe(rows.length);
  });

  it('is found by its name, in whatever case', () => {
    for (const category of categories) {
      const stream = kernelLayout.streamOf({ category });
      for (const row of fieldsByCategory[category]) expect(stream?.fields(row.name.toUpperCase())).toEqual([row]);
      expect(stream?.fieldNames()).toEqual(fieldsByCategory[category].map(({ name }) => name));
    }
    const auditd = kernelLayout.streamOf({ product: 'linux', service: 'auditd' });
    for (const row of auditdFields) expect(auditd?.fields(row.name)).toEqual([row]);
    expect(auditd?.fields('name')).toEqual(pathFields);
  });
});

describe('a log source', () => {
  it.each([
    [{ product: 'windows', category: 'process_creation' }],
    [{ category: 'auditd' }],
    [{ service: 'auditd', category: 'process_creation' }],
    [{ service: 'sshd' }],
    [{}],
  ])('%j is not one of the sensor', (source) => {
    expect(kernelLayout.streamOf(source)).toBeUndefined();
  });
});
