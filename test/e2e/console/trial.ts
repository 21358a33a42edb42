// What each test of the console begins with: the API on databases of its own, the console that it serves, a browser in front.
import { rmSync } from 'node:fs';
import { type ApiTrial, seedTenant, startApiTrial } from '@norn/api/trial';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type Visit, type VisitOptions, buildConsole, openBrowser, signIn } from './browser.ts';

export type Role = 'viewer' | 'analyst' | 'responder' | 'admin';

export interface ConsoleTrial {
  /** There while tests run. */
  readonly api: ApiTrial;
  /** A page of the console in a fresh browser profile of somebody with this role; it is gone after the test. */
  enter(path: string, role: Role, options?: Partial<VisitOptions>): Promise<Page>;
  readonly browser: Browser;
  readonly context: BrowserContext;
  /** What the browser complained about since the last `enter`. */
  readonly complaints: readonly string[];
}

/** For the tests of a block; `seed` puts there what they look at, beside the tenant "default". */
export function tryConsole(seed: (api: ApiTrial) => Promise<void>): ConsoleTrial {
  let api: ApiTrial;
  let browser: Browser;
  let folder: string;
  let visit: Visit | undefined;

  beforeAll(async () => {
    folder = await buildConsole();
    api = await startApiTrial({ consoleDir: folder });
    browser = await openBrowser();
    await seedTenant(api, 'default');
    await seed(api);
  });

  afterEach(async () => {
    await visit?.context.close();
    visit = undefined;
  });

  afterAll(async () => {
    await browser.close();
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const current = (): Visit => {
    if (visit === undefined) throw new Error('Nobody has entered the console in this test');
    return visit;
  };
  return {
    get api() {
      return api;
    },
    get browser() {
      return browser;
    },
    get context() {
      return current().context;
    },
    get complaints() {
      return current().complaints;
    },
    enter: async (path, role, options = {}) => {
      visit = await signIn(browser, { url: api.url, login: await api.loginToken(role), ...options });
      await visit.page.goto(path);
      return visit.page;
    },
  };
}
