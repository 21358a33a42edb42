// "Add a host": for how many, the command to run on each, and who has joined since.
import { type ReactElement, type SubmitEvent, useId, useState } from 'react';
import { Link } from 'react-router';
import { post, sentenceOf } from '../../shared/api/client.ts';
import type { Host, JoinToken } from '../../shared/api/views.ts';
import { exact } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Button, Heading, Panel, Time, useCopy } from '../../shared/ui/parts.tsx';

interface Props {
  hosts: readonly Host[];
  onClose: () => void;
}

interface Asked {
  readonly made: JoinToken;
  /** Ids of the hosts that were there before. */
  readonly before: ReadonlySet<string>;
}

export function AddHost({ hosts, onClose }: Props): ReactElement {
  const [asked, setAsked] = useState<Asked>();
  const onMade = (made: JoinToken): void => {
    setAsked({ made, before: new Set(hosts.map(({ id }) => id)) });
  };
  const close = (
    <Button kind="quiet" icon="cross" aria-label="Close" onClick={onClose}>
      Close
    </Button>
  );
  return (
    <Panel label="Add a host">
      <Heading side={close}>Add a host</Heading>
      <div className="flex flex-col gap-3 p-4">
        {asked === undefined ? (
          <HowMany onMade={onMade} />
        ) : (
          <>
            <Invitation made={asked.made} />
            <Joined made={asked.made} joined={hosts.filter(({ id }) => !asked.before.has(id))} />
          </>
        )}
      </div>
    </Panel>
  );
}

function HowMany({ onMade }: { onMade: (made: JoinToken) => void }): ReactElement {
  const id = useId();
  const [count, setCount] = useState('1');
  const [problem, setProblem] = useState('');
  const [isAsking, setAsking] = useState(false);
  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    setAsking(true);
    post<JoinToken>('/join-tokens', { hosts: Number(count) })
      .then(onMade)
      .catch((error: unknown) => {
        setProblem(sentenceOf(error));
        setAsking(false);
      });
  };
  return (
    <form onSubmit={ask} className="flex flex-wrap items-end gap-3">
      <label htmlFor={id} className="flex flex-col gap-1 text-soft">
        How many hosts?
        <input
          id={id}
          type="number"
          min={1}
          max={10_000}
          required
          value={count}
          data-testid="add-host-count"
          onChange={({ target }) => {
            setCount(target.value);
          }}
          className="h-8 w-28 rounded-md border border-line-strong bg-bg px-2.5 text-ink outline-none focus:border-accent"
        />
      </label>
      <Button kind="primary" type="submit" disabled={isAsking} data-testid="add-host-make">
        Show the command
      </Button>
      {problem === '' ? null : (
        <p role="alert" data-testid="add-host-problem" className="w-full text-critical">
          {problem}
        </p>
      )}
    </form>
  );
}

function Invitation({ made }: { made: JoinToken }): ReactElement {
  const { copied, copy } = useCopy(made.command);
  return (
    <>
      <p>
        Run this on {made.hosts === 1 ? 'the new host' : 'each new host'}, as root, where Norn’s sources are. It is good
        for {made.hosts === 1 ? 'one host' : `${made.hosts} hosts`}, until{' '}
        <time dateTime={made.expiresAt} title={exact(made.expiresAt)} data-testid="add-host-until">
          {made.expiresAt.slice(0, 16).replace('T', ' ')} UTC
        </time>{' '}
        (<Time value={made.expiresAt} />
        ), and shown only now.
      </p>
      <div className="flex items-start gap-3 rounded-md border border-line bg-bg p-3">
        <code data-testid="add-host-command" className="min-w-0 flex-1 font-mono text-xs wrap-anywhere select-all">
          {made.command}
        </code>
        <Button icon={copied ? 'check' : 'copy'} data-testid="add-host-copy" onClick={copy}>
          {copied ? 'Copied' : 'Copy'}
        </Button>
      </div>
      {made.caution === '' ? null : (
        <p role="note" data-testid="add-host-caution" className="rounded-md bg-medium-wash px-3 py-1.5 text-medium">
          {made.caution}.
        </p>
      )}
    </>
  );
}

function Joined({ made, joined }: { made: JoinToken; joined: readonly Host[] }): ReactElement {
  const left = made.hosts - joined.length;
  return (
    <ul role="status" data-testid="add-host-joined" className="flex flex-col gap-1">
      {joined.map(({ id, name }) => (
        <li key={id} className="flex items-center gap-1.5 text-good">
          <Icon name="check" size={14} />
          <span>
            <Link to={`/hosts/${id}`} className="font-medium hover:underline">
              {name}
            </Link>{' '}
            joined
          </span>
        </li>
      ))}
      {left > 0 ? (
        <li className="flex items-center gap-1.5 text-soft">
          <Icon name="clock" size={14} className="breathing" />
          {left === 1 ? 'Waiting for a host to join' : `Waiting for ${left} hosts to join`}
        </li>
      ) : null}
    </ul>
  );
}
