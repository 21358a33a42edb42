import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { SpanAttribute } from './span-attribute.ts';

const current = new Set<unknown>(
  Object.entries(conventions).flatMap(([name, value]) => (name.startsWith('ATTR_') ? [value] : [])),
);

describe('a span’s attributes', () => {
  it.each(Object.values(SpanAttribute).filter((name) => !name.startsWith('norn.')))(
    'have the name that OpenTelemetry gives them: %s',
    (name) => {
      expect(current).toContain(name);
    },
  );
});
