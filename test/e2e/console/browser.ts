// A real browser on the real console: built from source, served by the API, signed in by a one-time link.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';

const run = promisify(execFile);
const consoleFolder = fileURLToPath(new URL('../../../services/console', import.meta.url));
const artifacts = fileURLToPath(new URL('../../../test-artifacts/console', import.meta.url));
const chromiumPath = '/usr/bin/chromium';
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/** Builds the console into a folder of its own and returns it. */
export async function buildConsole(): Promise<string> {
  const folder = mkdtempSync('/tmp/norn-test-console-');
  const vite = createRequire(join(consoleFolder, 'package.json')).resolve('vite/package.json');
  const command = [
    join(dirname(vite), 'bin/vite.js'),
    'build',
    '--outDir',
    folder,
    '--emptyOutDir',
    '--logLevel',
    'warn',
  ];
  await run(process.execPath, command, { cwd: consoleFolder, env: { ...process.env, NODE_ENV: 'production' } });
  return folder;
}

export async function openBrowser(): Promise<Browser> {
  if (!existsSync(chromiumPath)) throw new Error(`No browser at ${chromiumPath}: apt-get install -y chromium`);
  return chromium.launch({
    executablePath: chromiumPath,
    args: [...flags, '--disable-component-update', '--disable-sync'],
  });
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained about: errors of scripts, refused resources. */
  readonly complaints: string[];
}

export interface VisitOptions {
  readonly url: string;
  readonly login: string;
  readonly width?: number;
  readonly scheme?: 'dark' | 'light';
}

/** A fresh browser profile that has followed the one-time link. */
export async function signIn(
  browser: Browser,
  { url, login, width = 1440, scheme = 'dark' }: VisitOptions,
): Promise<Visit> {
  const viewport = { width, height: width < 500 ? 844 : 960 };
  const context = await browser.newContext({ baseURL: url, viewport, colorScheme: scheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(`/login#token=${login}`);
  await page.getByTestId('mood').waitFor();
  return { page, context, complaints };
}

/** Kept as an artefact of the test. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(artifacts, { recursive: true });
  await page.screenshot({ path: join(artifacts, `${name}.png`), fullPage: true });
}

/** Waits until the element says what fits the pattern; fails with what it said instead. */
export async function says(page: Page, testId: string, pattern: RegExp): Promise<void> {
  const element = page.getByTestId(testId);
  try {
    await element.filter({ hasText: pattern }).first().waitFor({ timeout: 15_000 });
  } catch (error) {
    const said = await element
      .first()
      .innerText({ timeout: 1_000 })
      .catch(() => '(it is not there)');
    throw new Error(`${testId} should say ${String(pattern)}, and says: ${said}`, { cause: error });
  }
}
