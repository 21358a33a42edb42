// The pages, by address. To add one: its feature, a line here, and its entry in navigation-entries.ts.
import { matchPath } from 'react-router';
import { prefetchAlert } from '../shared/api/queries.ts';
import { type SplitPage, splitPage } from './split-page.tsx';

const overview = splitPage(async () => (await import('../features/overview/overview-page.tsx')).OverviewPage);
const alerts = splitPage(async () => (await import('../features/alerts/alerts-page.tsx')).AlertsPage);
const alert = splitPage(async () => (await import('../features/alert/alert-page.tsx')).AlertPage);
const hosts = splitPage(async () => (await import('../features/hosts/hosts-page.tsx')).HostsPage);
const host = splitPage(async () => (await import('../features/hosts/host-page.tsx')).HostPage);
const containers = splitPage(async () => (await import('../features/containers/containers-page.tsx')).ContainersPage);
const rules = splitPage(async () => (await import('../features/rules/rules-page.tsx')).RulesPage);
const policy = splitPage(async () => (await import('../features/policy/policy-page.tsx')).PolicyPage);
const hunt = splitPage(async () => (await import('../features/hunt/hunt-page.tsx')).HuntPage);
const responses = splitPage(async () => (await import('../features/responses/responses-page.tsx')).ResponsesPage);

/** By address, each with its code apart. */
export const pages: readonly (readonly [string, SplitPage])[] = [
  ['/', overview],
  ['/alerts', alerts],
  ['/alerts/:id', alert],
  ['/hosts', hosts],
  ['/hosts/:id', host],
  ['/containers', containers],
  ['/rules', rules],
  ['/policy', policy],
  ['/hunt', hunt],
  ['/responses', responses],
];

/** Code and data of the page that was asked for, while the session is still being looked up; then the code of the others. */
export async function fetchAhead(): Promise<void> {
  const first = pages.find(([path]) => matchPath(path, location.pathname) !== null)?.[1];
  const alertId = matchPath('/alerts/:id', location.pathname)?.params.id;
  if (alertId !== undefined) prefetchAlert(alertId);
  await first?.preload();
  for (const [, page] of pages) await page.preload();
}
