// The frame of every page: who is signed in, where one can go, whether what is shown is live.
import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactElement, useEffect } from 'react';
import { BrowserRouter, Route, Routes, matchPath } from 'react-router';
import { Problem } from './live/client.ts';
import { prefetchAlert, queryClient, useSession } from './live/queries.ts';
import { followChanges } from './live/stream.ts';
import { LoginPage } from './pages/login.tsx';
import { Shell } from './shell.tsx';
import { type SplitPage, splitPage } from './ui/page.tsx';
import { Failed, Loading, Notice } from './ui/states.tsx';

const overview = splitPage(async () => (await import('./pages/overview.tsx')).OverviewPage);
const alerts = splitPage(async () => (await import('./pages/alerts.tsx')).AlertsPage);
const alert = splitPage(async () => (await import('./alert/alert-page.tsx')).AlertPage);
const hosts = splitPage(async () => (await import('./pages/hosts.tsx')).HostsPage);
const host = splitPage(async () => (await import('./pages/host.tsx')).HostPage);
const containers = splitPage(async () => (await import('./pages/containers.tsx')).ContainersPage);
const rules = splitPage(async () => (await import('./pages/rules.tsx')).RulesPage);
const policy = splitPage(async () => (await import('./policy/policy-page.tsx')).PolicyPage);
const hunt = splitPage(async () => (await import('./hunt/hunt-page.tsx')).HuntPage);
const responses = splitPage(async () => (await import('./pages/responses.tsx')).ResponsesPage);

const pages: readonly (readonly [string, SplitPage])[] = [
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

export function App(): ReactElement {
  return (
    <QueryClientProvider client={queryClient}>
      <BrowserRouter>
        <SignedIn />
      </BrowserRouter>
    </QueryClientProvider>
  );
}

function SignedIn(): ReactElement {
  const session = useSession();
  const signedIn = session.data !== undefined;
  useEffect(() => (signedIn ? followChanges() : undefined), [signedIn]);
  if (session.error instanceof Problem && session.error.status === 401) return <LoginPage />;
  if (session.isError) return <Failed error={session.error} again={() => void session.refetch()} />;
  if (session.data === undefined) return <Loading what="Signing in" />;
  return (
    <Routes>
      <Route path="/login" element={<LoginPage />} />
      <Route path="*" element={<Inside />} />
    </Routes>
  );
}

function Inside(): ReactElement {
  return (
    <Shell>
      <Routes>
        {pages.map(([path, { Page }]) => (
          <Route key={path} path={path} element={<Page />} />
        ))}
        <Route
          path="*"
          element={
            <Notice icon="search" title="There is no such page">
              Press g then a for the alerts, or ? for all keys.
            </Notice>
          }
        />
      </Routes>
    </Shell>
  );
}
