// The services of deploy/compose: each is given the files that its settings name, and shows the stores who it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { repository } from './repository.ts';

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, object>>;
}

const text = readFileSync(join(repository, 'deploy/compose/compose.yaml'), 'utf8');
const { services, secrets } = parse(text, { merge: true }) as Compose;
const secretOf = ({ environment }: Service, setting: string): string => environment?.[setting]?.split('/').at(-1) ?? '';
/** The services that have the secret, and are no store themselves. */
const holders = (secret: string): string[] =>
  Object.entries(services)
    .filter(([, { secrets: own = [], environment }]) => own.includes(secret) && environment !== undefined)
    .map(([name]) => name);

describe('a service of compose', () => {
  it('is given secrets that there are', () => {
    const given = Object.values(services).flatMap(({ secrets: own = [] }) => own);
    expect([...new Set(given)].filter((name) => !(name in secrets))).toEqual([]);
    expect(Object.keys(secrets).filter((name) => !given.includes(name))).toEqual([]);
  });

  it('that asks ClickHouse shows it a certificate that it is given', () => {
    const asking = ['clickhouse-writer.password', 'clickhouse-reader.password'].flatMap(holders);
    expect(asking.sort()).toEqual(['api', 'prepare', 'storage']);
    for (const name of asking) {
      const service = services[name] as Service;
      const shown = ['CERTIFICATE', 'KEY'].map((part) => secretOf(service, `NORN_CLICKHOUSE_${part}_FILE`));
      const identity = name === 'api' ? 'api' : 'stage';
      expect([name, shown]).toEqual([name, [`${identity}.cert.pem`, `${identity}.key.pem`]]);
      expect([name, shown.filter((file) => !service.secrets?.includes(file))]).toEqual([name, []]);
    }
  });

  it('alone has its key: with that of the stages the API could do at Kafka what they can', () => {
    expect(holders('api.key.pem')).toEqual(['api']);
    expect(holders('stage.key.pem')).not.toContain('api');
  });
});
