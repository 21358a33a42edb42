// Gets the broker's jars by Maven, and prepares what makes its start fast: an AppCDS archive and a formatted template.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../process/command.ts';
import { busIdentity, makeBusSecrets } from './bus-secrets.ts';
import { writeProperties } from './kafka.config.ts';
import { brokerArguments, startBroker } from './kafka.broker.ts';
import { freePorts } from '../process/ports.ts';
import { provide } from '../toolchain.ts';
import { writeMends } from './mends.ts';

const sources = fileURLToPath(new URL('.', import.meta.url));
const mendsJar = 'mends.jar';
const mendSources = ['mends.ts', 'class-file.ts'];
const templateClusterId = 'AAAAAAAAAAAAAAAAAAAAAA';

/** The folder with class-path, log4j2.xml, kafka.jsa and template/. Needs java and mvn. */
export async function provideKafka(): Promise<string> {
  const pom = await readFile(join(sources, 'pom.xml'), 'utf8');
  const log4j = await readFile(join(sources, 'log4j2.xml'), 'utf8');
  const java = await runCommand('java', ['-version']);
  const mends = await Promise.all(mendSources.map((name) => readFile(join(sources, name), 'utf8')));
  const jars = await provideKafkaJars();
  const mended = await provide({
    name: 'kafka-mends',
    content: [pom, ...mends],
    build: (folder) => writeMends(jars, join(folder, mendsJar)),
  });
  // Of two classes of one name the first is loaded.
  const classPath = `${join(mended, mendsJar)}:${jars}/*`;
  const content = [pom, log4j, java, ...mends, 'v2'];
  return provide({ name: 'kafka', content, build: (folder) => prepare(classPath, folder) });
}

/** The broker's jars alone. Needs mvn. */
export async function provideKafkaJars(): Promise<string> {
  const pom = await readFile(join(sources, 'pom.xml'), 'utf8');
  return provide({ name: 'kafka-jars', content: [pom], build: fetchJars });
}

async function fetchJars(folder: string): Promise<void> {
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime'];
  await runCommand('mvn', ['-B', '-q', '-f', join(sources, 'pom.xml'), ...copy]);
}

// The archive remembers the class path, so the jars are named where they will stay.
async function prepare(classPath: string, folder: string): Promise<void> {
  await cp(join(sources, 'log4j2.xml'), join(folder, 'log4j2.xml'));
  await writeFile(join(folder, 'class-path'), classPath);
  const home = await mkdtemp(join(tmpdir(), 'norn-kafka-'));
  try {
    const [broker = 0, controller = 0] = await freePorts(2);
    // By TLS as later, so that its classes are in the archive; the certificates end with the folder.
    await makeBusSecrets(home, { identities: [] });
    const properties = await writeProperties(home, { ports: { broker, controller }, identity: busIdentity(home) });
    const format = ['kafka.tools.StorageTool', 'format', '-t', templateClusterId, '-c', properties];
    await runCommand('java', [...(await brokerArguments(folder)), ...format]);
    await mkdir(join(folder, 'template'));
    await cp(join(home, 'data'), join(folder, 'template'), { recursive: true });
    const archive = `-XX:ArchiveClassesAtExit=${join(folder, 'kafka.jsa')}`;
    const part = await startBroker(home, [archive, ...(await brokerArguments(folder))]);
    await part.stop();
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
