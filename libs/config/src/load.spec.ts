import { z } from 'zod';
import { loadConfig, settings } from './index.ts';

const schema = z.object({ apiPort: settings.apiPort, logLevel: settings.logLevel });

describe('loadConfig', () => {
  it('takes defaults where the environment is silent', () => {
    expect(loadConfig(schema, {})).toEqual({ apiPort: 7400, logLevel: 'info' });
  });

  it('names the variable that is wrong', () => {
    expect(() => loadConfig(schema, { NORN_API_PORT: 'many' })).toThrow(/NORN_API_PORT/);
  });

  it('refuses a name that nothing knows', () => {
    expect(() => loadConfig(schema, { NORN_API_PROT: '1' })).toThrow(/NORN_API_PROT/);
  });
});
