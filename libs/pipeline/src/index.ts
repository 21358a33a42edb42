// How a stage's flow is built: steps with outcomes, and a pipeline that runs them over a batch.
export { type BusyName, timed } from './busy.ts';
export {
  type DeadLetter,
  type Drop,
  type Ok,
  type Outcome,
  type Redirect,
  deadLetter,
  drop,
  ok,
  redirect,
} from './outcome.ts';
export { type Pipeline, type PipelineResult, type Step, each, pipeline } from './pipeline.ts';
