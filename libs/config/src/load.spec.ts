import { z } from 'zod';
import { loadConfig, settings } from './index.ts';

const schema = z.object({ apiPort: settings.apiPort, logLevel: settings.logLevel });

describe('loadConfig', () => {
  it('takes defaults where the environment is silent', () => {
    expect(loadConfig(schema, {})).toEqual({ apiPort: 7400, logLevel: 'info' });
  });

  it('looks for secrets where systemd puts them, unless it is told', () => {
    const places = z.object({ secretsDir: settings.secretsDir });
    const environment = { CREDENTIALS_DIRECTORY: '/run/credentials/norn.service' };
    expect(loadConfig(places, environment)).toEqual({ secretsDir: '/run/credentials/norn.service' });
    expect(loadConfig(places, { ...environment, NORN_SECRETS_DIR: '/a' })).toEqual({ secretsDir: '/a' });
    expect(() => loadConfig(places, {})).toThrow(/NORN_SECRETS_DIR/);
  });

  it('names the variable that is wrong', () => {
    expect(() => loadConfig(schema, { NORN_API_PORT: 'many' })).toThrow(/NORN_API_PORT/);
  });

  it('refuses a base whose last port would be none', () => {
    const bases = z.object({ portBase: settings.portBase });
    expect(loadConfig(bases, { NORN_PORT_BASE: '65516' })).toEqual({ portBase: 65_516 });
    for (const base of ['65517', '65530', '70000', '0', 'x']) {
      expect(() => loadConfig(bases, { NORN_PORT_BASE: base })).toThrow(/NORN_PORT_BASE: /);
    }
    expect(() => loadConfig(bases, { NORN_PORT_BASE: '65530' })).toThrow(/BASE to BASE\+19 .* at most 65516/);
  });

  it('refuses directories of which none would be protected', () => {
    const paths = z.object({ protectedPaths: settings.protectedPaths });
    expect(loadConfig(paths, { NORN_PROTECTED_PATHS: '/a:/b,c:' })).toEqual({ protectedPaths: '/a:/b,c:' });
    for (const wrong of ['/a,/b', 'a', '/a:b', '~/a'])
      expect(() => loadConfig(paths, { NORN_PROTECTED_PATHS: wrong })).toThrow(/NORN_PROTECTED_PATHS: .* colons/);
  });

  it('refuses a name that nothing knows', () => {
    expect(() => loadConfig(schema, { NORN_API_PROT: '1' })).toThrow(/NORN_API_PROT/);
  });
});
