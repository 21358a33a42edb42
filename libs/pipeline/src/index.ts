// How a stage's flow is built: steps with outcomes, and a pipeline that runs them over a batch.
export { type BusyName, timed } from './busy.ts';
export { opened } from './opened.ts';
export {
  type DeadLetter,
  type Drop,
  type Exit,
  type Ok,
  type Outcome,
  type Redirect,
  deadLetter,
  drop,
  ok,
  redirect,
} from './outcome.ts';
export {
  type Pipeline,
  type PipelineResult,
  type Redirected,
  type Refused,
  type Step,
  each,
  pipeline,
} from './pipeline.ts';
