import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIdentity } from '@norn/embedded';
import { findInstallation, type Installation, makeFolders } from './installation.ts';
import { writeRunState } from './run-state.ts';

const nobody = 65_534;
/** Only root gives files away. */
const asRoot = process.getuid?.() === 0 ? it : it.skip;

describe('the folder of an installation', () => {
  let base: string;
  let home: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'norn-home-'));
    home = join(base, 'home');
    mkdirSync(home, { mode: 0o755 });
  });
  afterEach(() => {
    rmSync(base, { recursive: true });
  });

  const make = (folder = home): void => {
    makeFolders({ home: folder, path: (...parts: string[]) => join(folder, ...parts) } as Installation);
  };
  const refused = expect.objectContaining({
    code: 'home_of_another',
    message: expect.stringContaining('NORN_HOME') as string,
  }) as unknown;

  const refusal = (folder?: string): unknown => {
    try {
      make(folder);
      return undefined;
    } catch (error) {
      return error;
    }
  };

  it('is made with what only its owner reads', () => {
    make();
    expect(statSync(join(home, 'secrets')).mode & 0o777).toBe(0o700);
  });

  it.each([0o777, 0o1777])('is refused where all may write (%o), and left as it is', (mode) => {
    chmodSync(home, mode);
    expect(refusal()).toEqual(refused);
    expect(statSync(home).mode & 0o7777).toBe(mode);
  });

  it('is refused below a folder in which all may exchange it', () => {
    chmodSync(base, 0o777);
    expect(refusal()).toEqual(refused);
    chmodSync(base, 0o1777);
    expect(refusal()).toBeUndefined();
  });

  asRoot("is refused below a folder of another's, and with another's file among the secrets", () => {
    make();
    writeFileSync(join(home, 'secrets', 'api.token'), 'x');
    chownSync(join(home, 'secrets', 'api.token'), nobody, nobody);
    expect(refusal()).toEqual(refused);
    rmSync(join(home, 'secrets', 'api.token'));
    expect(refusal()).toBeUndefined();
    chownSync(base, nobody, nobody);
    expect(refusal()).toEqual(refused);
  });

  asRoot.each(['', 'secrets', 'run', 'agent', 'clickhouse', 'kafka', 'postgres'])(
    "is refused when %p of it is another's",
    (name) => {
      mkdirSync(join(home, name), { recursive: true });
      chownSync(join(home, name), nobody, nobody);
      expect(refusal()).toEqual(refused);
    },
  );

  asRoot("is refused when another's link leads to it", () => {
    const link = join(base, 'link');
    symlinkSync(home, link);
    lchownSync(link, nobody, nobody);
    expect(refusal(link)).toEqual(refused);
  });
});

describe('the ports of an installation', () => {
  const named = process.env['NORN_PORT_BASE'];
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'norn-ports-'));
    mkdirSync(join(home, 'run'));
  });
  afterEach(() => {
    process.env['NORN_PORT_BASE'] = named;
    if (named === undefined) delete process.env['NORN_PORT_BASE'];
    rmSync(home, { recursive: true });
  });

  const leave = (supervisor = processIdentity(process.pid)!): void => {
    const state = { supervisor, phase: 'ready', portBase: 28_000, separate: false, message: '', parts: [] } as const;
    writeRunState({ path: (...parts) => join(home, ...parts) }, state);
  };

  it('are those of what runs there, unless others are named', () => {
    leave();
    delete process.env['NORN_PORT_BASE'];
    expect(findInstallation(home).ports).toMatchObject({ api: 28_000, ingest: 28_001 });
    process.env['NORN_PORT_BASE'] = '29000';
    expect(findInstallation(home).ports.api).toBe(29_000);
  });

  it('are the usual ones where nothing runs', () => {
    delete process.env['NORN_PORT_BASE'];
    expect(findInstallation(home).ports.api).toBe(7400);
    leave({ ...processIdentity(process.pid)!, startTime: '1' });
    expect(findInstallation(home).ports.api).toBe(7400);
  });
});
