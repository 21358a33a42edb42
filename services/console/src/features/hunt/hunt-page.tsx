// Hunt: any rule over the events that are stored. Which rule and which time stand in the address; a rule of one's own stays in the tab.
import { type ReactElement, useEffect, useState } from 'react';
import { useAddress } from '../../shared/address.ts';
import { Problem } from '../../shared/api/client.ts';
import type { Hunt, HuntProgress } from '../../shared/api/views.ts';
import { clock, exact, grouped } from '../../shared/format.ts';
import { Button, PageTitle, Panel, Severity, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Histogram } from './histogram.tsx';
import { HuntEvents } from './hunt-events.tsx';
import { HuntForm, ownRule } from './hunt-form.tsx';
import { type HuntRequest, useHunt, useHuntRules } from './hunt-queries.ts';

/** The rule of one's own outlives a reload, and may be longer than an address. */
const storedText = 'norn.hunt.text';

export function HuntPage(): ReactElement {
  const [read, write] = useAddress();
  const rules = useHuntRules();
  const [text, setText] = useState(() => sessionStorage.getItem(storedText) ?? '');
  const [request, setRequest] = useState<HuntRequest>();
  const [progress, setProgress] = useState<HuntProgress>();
  const hunt = useHunt(request, setProgress);
  const [rule, since, until] = [read('rule'), read('since') || '7d', read('until') || '0s'];
  const ask = (next: (before: HuntRequest | undefined) => HuntRequest | undefined): void => {
    setProgress(undefined);
    setRequest(next);
  };
  const askFor = (asked: Pick<HuntRequest, 'rule' | 'text'>): void => {
    ask((before) => ({ ...asked, since, until, run: (before?.run ?? 0) + 1 }));
  };
  const run = (): void => {
    sessionStorage.setItem(storedText, text);
    askFor(rule === ownRule ? { text } : { rule });
  };
  // An address with a rule and a time is a question; what is typed waits for the button.
  const isQuestion = rule !== '' && rule !== ownRule;
  const address = JSON.stringify([rule, since, until]);
  const [seen, setSeen] = useState('');
  if (seen !== address) {
    setSeen(address);
    if (isQuestion) askFor({ rule });
  }
  useEffect(() => {
    if (isQuestion) sessionStorage.setItem(storedText, text);
  }, [isQuestion, text]);
  const narrow = (from: string, to: string): void => {
    write({ since: from, until: to }, true);
    if (rule === ownRule) ask((before) => before && { ...before, since: from, until: to, run: before.run + 1 });
  };
  return (
    <div className="flex flex-col gap-3 md:h-[calc(100dvh-44px)]">
      <PageTitle>Hunt</PageTitle>
      <HuntForm rules={rules.data?.rules ?? []} text={text} onText={setText} onRun={run} running={hunt.isFetching} />
      <Panel className="flex min-h-96 flex-1 flex-col md:min-h-0" label="What was found">
        {request === undefined ? (
          <Notice icon="search" title="Any rule, over what has happened already">
            Choose a rule, or write one, and a time. Nothing is changed by a hunt, and nobody is alerted.
          </Notice>
        ) : hunt.isFetching ? (
          <Looking progress={progress} />
        ) : hunt.data !== undefined && !hunt.isError ? (
          <Found hunt={hunt.data} onNarrow={narrow} />
        ) : (
          <NotRun error={hunt.error} again={run} />
        )}
      </Panel>
    </div>
  );
}

function Looking({ progress }: { progress: HuntProgress | undefined }): ReactElement {
  const { share, rowsRead } = progress ?? { share: 0, rowsRead: 0 };
  return (
    <>
      <div className="flex items-center gap-3 px-4 pt-4 text-soft">
        <div
          role="progressbar"
          aria-label="How far the hunt is"
          aria-valuenow={Math.floor(share * 100)}
          className="h-1.5 w-60 overflow-hidden rounded-full bg-line"
          data-testid="hunt-progress"
        >
          <div className="h-full bg-accent" style={{ width: `${share * 100}%` }} />
        </div>
        {Math.floor(share * 100)} %, {grouped(rowsRead)} rows read
      </div>
      <Loading lines={10} what="Looking through the events" />
    </>
  );
}

/** What is wrong with the rule or the time is for the person to put right; asking again would not help. */
function NotRun({ error, again }: { error: unknown; again: () => void }): ReactElement {
  if (!(error instanceof Problem) || error.status < 400 || error.status === 403 || error.status >= 500)
    return <Failed error={error} again={again} />;
  return (
    <Notice icon="high" tone="text-high" title="This hunt can not be run" testId="hunt-refused">
      <span className="font-mono text-xs break-words">{error.message}</span>
    </Notice>
  );
}

interface FoundProps {
  hunt: Hunt;
  onNarrow: (since: string, until: string) => void;
}

function Found({ hunt, onNarrow }: FoundProps): ReactElement {
  const [, write] = useAddress();
  const { rule, total, since, until, tookMs, eventsRead, readUntil } = hunt;
  const isCorrelation = rule?.category === 'correlation';
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2">
        {rule === undefined ? null : <Severity value={rule.level} quiet />}
        <h2 className="font-semibold">{rule?.title}</h2>
        <span data-testid="hunt-total" className="text-soft">
          {isCorrelation ? 'found ' : ''}
          {grouped(total)} {isCorrelation ? (total === 1 ? 'time' : 'times') : total === 1 ? 'event' : 'events'}
        </span>
        {isCorrelation ? (
          <span className="text-faint" data-testid="hunt-read">
            {grouped(eventsRead)} events of its rules put together
          </span>
        ) : null}
        {readUntil === '' ? null : (
          <span className="text-medium" data-testid="hunt-cut">
            What is later than {clock(readUntil, false)} was not looked at: choose a shorter time
          </span>
        )}
        <span className="ml-auto text-faint" title={`${exact(since)} to ${exact(until)}`}>
          <Time value={since} /> to <Time value={until} />, in {(tookMs / 1000).toFixed(1)} s
        </span>
      </div>
      {total === 0 ? (
        <Notice
          icon="check"
          tone="text-good"
          title="Nothing that the rule finds"
          testId="hunt-nothing"
          action={
            <Button
              onClick={() => {
                write({ since: '30d', until: '' }, true);
              }}
            >
              Look through 30 days
            </Button>
          }
        >
          Events are kept for 30 days; what a host could not observe is not among them.
        </Notice>
      ) : (
        <>
          <Histogram buckets={hunt.histogram} seconds={hunt.bucketSeconds} onNarrow={onNarrow} />
          <HuntEvents hunt={hunt} />
        </>
      )}
    </>
  );
}
