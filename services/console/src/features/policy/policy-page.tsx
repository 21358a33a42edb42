// The policy of the tenant: ordered rules, of which the first that matches decides.
import { type ReactElement, useState } from 'react';
import { useSession } from '../../shared/api/queries.ts';
import { Button, Heading, PageTitle, Panel, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { PolicyEditor } from './policy-editor.tsx';
import { PolicyHosts } from './policy-hosts.tsx';
import { usePolicy } from './policy-queries.ts';
import { PolicyRules } from './policy-rules.tsx';
import { PolicyVersions } from './policy-versions.tsx';

export function PolicyPage(): ReactElement {
  const { data, isError, error, refetch } = usePolicy();
  const [isEdited, setEdited] = useState(false);
  const mayTry = (useSession().data?.role ?? 'viewer') !== 'viewer';
  if (data === undefined)
    return <Panel>{isError ? <Failed error={error} again={() => void refetch()} /> : <Loading lines={10} />}</Panel>;
  const edit = (
    <Button
      icon="file"
      kind={data.number === 0 ? 'primary' : 'plain'}
      data-testid="policy-edit"
      onClick={() => {
        setEdited(true);
      }}
    >
      {data.number === 0 ? 'Write one' : 'Edit'}
    </Button>
  );
  return (
    <div className="flex flex-col gap-3">
      <PageTitle side={mayTry && !isEdited ? edit : null}>Policy</PageTitle>
      <p data-testid="policy-summary" className="text-soft">
        {data.number === 0 ? (
          `${data.summary}.`
        ) : (
          <>
            {data.name}, version {data.number}, is in force: {data.summary}. Put in force by {data.appliedBy},{' '}
            <Time value={data.appliedAt} />. The first rule that matches an event decides; what none matches is left to
            the protections.
          </>
        )}
      </p>
      {isEdited ? (
        <PolicyEditor
          policy={data}
          onDone={() => {
            setEdited(false);
          }}
        />
      ) : null}
      <Panel label="Rules in force">
        <Heading side={data.number === 0 ? null : 'in their order'}>Rules</Heading>
        {data.rules.length === 0 ? (
          <Notice icon="rule" title="No rules are in force">
            ./norn policy apply recommended puts the policy in force that Norn comes with.
          </Notice>
        ) : (
          <PolicyRules policy={data} />
        )}
      </Panel>
      <PolicyHosts />
      <PolicyVersions />
    </div>
  );
}
