// Who is signed in, and which page the address asks for.
import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactElement, useEffect } from 'react';
import { BrowserRouter, Route, Routes } from 'react-router';
import { LoginPage } from '../features/login/login-page.tsx';
import { Problem } from '../shared/api/client.ts';
import { queryClient, useSession } from '../shared/api/queries.ts';
import { followChanges } from '../shared/api/stream.ts';
import { Failed, Loading, Notice } from '../shared/ui/states.tsx';
import { pages } from './routes.tsx';
import { Shell } from './shell.tsx';

export function App(): ReactElement {
  return (
    <QueryClientProvider client={queryClient}>
      <BrowserRouter>
        <Routes>
          <Route path="/login" element={<LoginPage />} />
          <Route path="*" element={<SignedIn />} />
        </Routes>
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
  return <Inside />;
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
