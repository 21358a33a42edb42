// A page whose code is fetched apart. No Suspense: it would hold back what has arrived for 300 ms.
import { type ComponentType, type ReactElement, useEffect, useState } from 'react';
import { Button } from '../shared/ui/parts.tsx';
import { Loading, Notice } from '../shared/ui/states.tsx';

export interface SplitPage {
  readonly Page: ComponentType;
  /** Fetches the code once; whoever calls it early waits less. */
  preload(): Promise<void>;
}

export function splitPage(load: () => Promise<ComponentType>): SplitPage {
  let loaded: ComponentType | undefined;
  let loading: Promise<void> | undefined;
  const preload = (): Promise<void> => {
    loading ??= load().then((component) => {
      loaded = component;
    });
    return loading;
  };
  function Page(): ReactElement {
    const [state, setState] = useState<'loading' | 'ready' | 'failed'>('loading');
    useEffect(() => {
      preload().then(
        () => {
          setState('ready');
        },
        () => {
          loading = undefined;
          setState('failed');
        },
      );
    }, []);
    const Known = loaded;
    if (Known !== undefined) return <Known />;
    return state === 'failed' ? <NewerConsole /> : <Loading />;
  }
  return { Page, preload };
}

/** After an update the old page's parts are gone. */
function NewerConsole(): ReactElement {
  const reload = (
    <Button
      kind="primary"
      onClick={() => {
        location.reload();
      }}
    >
      Reload
    </Button>
  );
  return (
    <Notice icon="undo" title="This page could not be fetched" action={reload}>
      Norn may have been updated, or does not answer just now.
    </Notice>
  );
}
