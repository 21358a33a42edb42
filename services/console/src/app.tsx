// The frame of every page: who is signed in, where one can go, whether what is shown is live.
import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactElement, Suspense, lazy, useEffect } from 'react';
import { BrowserRouter, Route, Routes } from 'react-router';
import { Problem } from './live/client.ts';
import { queryClient, useSession } from './live/queries.ts';
import { followChanges } from './live/stream.ts';
import { LoginPage } from './pages/login.tsx';
import { Shell } from './shell.tsx';
import { Failed, Loading, Notice } from './ui/states.tsx';

const OverviewPage = lazy(async () => ({ default: (await import('./pages/overview.tsx')).OverviewPage }));
const AlertsPage = lazy(async () => ({ default: (await import('./pages/alerts.tsx')).AlertsPage }));
const AlertPage = lazy(async () => ({ default: (await import('./alert/alert-page.tsx')).AlertPage }));
const HostsPage = lazy(async () => ({ default: (await import('./pages/hosts.tsx')).HostsPage }));
const HostPage = lazy(async () => ({ default: (await import('./pages/host.tsx')).HostPage }));
const ContainersPage = lazy(async () => ({ default: (await import('./pages/containers.tsx')).ContainersPage }));
const ResponsesPage = lazy(async () => ({ default: (await import('./pages/responses.tsx')).ResponsesPage }));

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
      <Suspense fallback={<Loading />}>
        <Routes>
          <Route index element={<OverviewPage />} />
          <Route path="alerts" element={<AlertsPage />} />
          <Route path="alerts/:id" element={<AlertPage />} />
          <Route path="hosts" element={<HostsPage />} />
          <Route path="hosts/:id" element={<HostPage />} />
          <Route path="containers" element={<ContainersPage />} />
          <Route path="responses" element={<ResponsesPage />} />
          <Route
            path="*"
            element={
              <Notice icon="search" title="There is no such page">
                Press g then a for the alerts, or ? for all keys.
              </Notice>
            }
          />
        </Routes>
      </Suspense>
    </Shell>
  );
}
