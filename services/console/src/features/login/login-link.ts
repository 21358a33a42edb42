// The one-time link: its token stands behind the #, where only this page sees it, and is posted once.
import { useEffect, useState } from 'react';
import { post, sentenceOf } from '../../shared/api/client.ts';

/** Signs in when the address has a token. Returns why that failed; empty while there is nothing to say. */
export function useLoginLink(): string {
  const [problem, setProblem] = useState('');
  useEffect(() => {
    const token = takeToken();
    if (token === undefined) return;
    post('/login', { token }).then(
      () => {
        location.replace('/');
      },
      (error: unknown) => {
        setProblem(sentenceOf(error));
      },
    );
  }, []);
  return problem;
}

/** Out of the address too, so that it is neither used twice nor left in the history. */
function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? undefined;
  if (token !== undefined) history.replaceState(history.state, '', location.pathname);
  return token;
}
