// Takes the rules of a folder or an archive to the installation, in portions that its door lets through.
import { NornError } from '@norn/base';
import type { ShownImportedFile, ShownRuleImport } from '@norn/contracts';
import { readFile } from 'node:fs/promises';
import type { ApiClient } from '../client/client.ts';
import { lines } from '../../print/columns.ts';
import { lookAt, readRuleFiles, type RuleFileOnDisk } from '../../replay/rule-files.ts';

/** What the API takes at once. */
const PORTION_FILES_MAX = 200;
const PORTION_CHARACTERS_MAX = 400 * 1024;
const FILE_CHARACTERS_MAX = 64 * 1024;
/** What is kept of a tenant; more files than this can not all be taken. */
export const RULES_MAX = 5_000;
/** Of an archive: far more than the rules that an installation takes. */
const ARCHIVE_BYTES_MAX = 512 * 1024 * 1024;
const zipBounds = { filesMax: 50_000, fileBytesMax: 4 * FILE_CHARACTERS_MAX };

export interface ImportReport {
  readonly imported: number;
  readonly refused: number;
  readonly files: readonly ShownImportedFile[];
}

/** Throws what `readRuleFiles`, `readZip` and the API throw. */
export async function importRules(path: string, api: Pick<ApiClient, 'post'>): Promise<ImportReport> {
  const files = (await isArchive(path)) ? await readArchive(path) : await readRuleFiles(path);
  if (files.length > RULES_MAX) {
    const cure = 'import a part of them';
    throw new NornError(
      'rules_too_many',
      `${path} holds ${files.length} rule files, ${RULES_MAX} rules are kept: ${cure}`,
    );
  }
  const outcomes: ShownImportedFile[] = files.filter((file) => !isTaken(file)).map(tooLong);
  for (const portion of portionsOf(partsFirst(files.filter(isTaken)))) {
    outcomes.push(...(await api.post<ShownRuleImport>('/rules/import', { files: portion })).files);
  }
  const refused = outcomes.filter(({ error }) => error !== '').length;
  return { imported: outcomes.length - refused, refused, files: outcomes };
}

async function isArchive(path: string): Promise<boolean> {
  const found = await lookAt(path);
  if (!/\.zip$/i.test(path) || !found.isFile()) return false;
  if (found.size <= ARCHIVE_BYTES_MAX) return true;
  throw new NornError('zip_invalid', `${path} is larger than ${ARCHIVE_BYTES_MAX} bytes: import a part of it`);
}

async function readArchive(path: string): Promise<RuleFileOnDisk[]> {
  const { readZip } = await import('./zip.ts');
  const files = await readZip(await readFile(path), (name) => /\.ya?ml$/.test(name), zipBounds);
  if (files.length === 0) throw new NornError('rules_missing', `${path} holds no rules: pack .yml files into it`);
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Correlations and filters name rules, which must be there when they come. */
function partsFirst(files: readonly RuleFileOnDisk[]): RuleFileOnDisk[] {
  const naming = ({ text }: RuleFileOnDisk): boolean => /^(correlation|filter):/m.test(text);
  return [...files.filter((file) => !naming(file)), ...files.filter(naming)];
}

const isTaken = ({ text }: RuleFileOnDisk): boolean => text.length <= FILE_CHARACTERS_MAX;

function tooLong({ name }: RuleFileOnDisk): ShownImportedFile {
  const error = `${name}:1: the file: is longer than ${FILE_CHARACTERS_MAX} characters: split it`;
  return { file: name, ruleId: '', title: '', extent: '', lacks: [], error };
}

function* portionsOf(files: readonly RuleFileOnDisk[]): Generator<RuleFileOnDisk[]> {
  let portion: RuleFileOnDisk[] = [];
  let characters = 0;
  for (const file of files) {
    characters += file.text.length;
    if (portion.length === PORTION_FILES_MAX || (portion.length > 0 && characters > PORTION_CHARACTERS_MAX)) {
      yield portion;
      portion = [];
      characters = file.text.length;
    }
    portion.push(file);
  }
  if (portion.length > 0) yield portion;
}

/** For a terminal. */
export function importText({ imported, refused, files }: ImportReport): string {
  const blind = files.filter(({ error, extent }) => error === '' && extent !== 'whole');
  return lines([
    ...files.filter(({ error }) => error !== '').map(({ error }) => `✘ ${error}`),
    ...blind.map(
      ({ title, extent, lacks }) => `${extent === 'part' ? '◐' : '✗'} ${title}: not seen: ${lacks.join(', ')}`,
    ),
    `${imported} imported, ${refused} refused. New rules only observe: their findings are kept and open no alert.`,
  ]);
}
