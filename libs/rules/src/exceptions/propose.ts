// The narrowest exception that covers a finding: the same program run in the same way by the same parent, in the same place, on the same file.
// The same program is that of the same package where it is known and unchanged, else that of the same hash.
import { NornError } from '@norn/base';
import { EVIDENCE_MAX } from '../engine/engine.ts';
import { checkScope } from './draft.ts';
import { type ExceptionScope, type FindingFacts, fileFields } from './exception.ts';

/** Evidence that says what was acted on; the rest is the rule's business, or changes each time. */
const objectFields = new Set([...fileFields, 'DestinationIp']);
const evidenceMax = 4;

/** Throws `exception_of_reflex`, and `exception_unsuited` for a finding whose process is not known. */
export function proposeException({ ruleId, hostId, process, evidence }: FindingFacts): ExceptionScope {
  const {
    imageSha256 = '',
    imagePath = '',
    parentImagePath = '',
    commandLine = '',
    containerImage = '',
    package: name = '',
  } = process ?? {};
  const objects = evidence.filter(({ field, value }) => objectFields.has(field) && value.length < EVIDENCE_MAX);
  const scope = {
    ruleId,
    process: {
      sha256: name === '' ? imageSha256 : '',
      imagePath,
      package: name,
      parentImage: parentImagePath,
      commandLine,
    },
    place: { containerImage, hostId: containerImage === '' ? hostId : '', hostGroup: '', pathPrefix: '' },
    evidence: objects.slice(0, evidenceMax).map(({ field, value }) => ({ field, value })),
  };
  const isKnown = imagePath !== '' || imageSha256 !== '';
  if (!isKnown)
    throw new NornError(
      'exception_unsuited',
      'What process made this finding is not known, and without it an exception would be too wide: wait for the next finding of the rule',
    );
  checkScope(scope);
  return scope;
}
