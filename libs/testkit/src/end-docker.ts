// At the end of a run of Jest: what its tests have started beside them.
import { endDocker } from './docker.ts';

export default endDocker;
