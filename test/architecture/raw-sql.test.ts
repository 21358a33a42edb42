// SQL that is written by hand beside TypeORM is an exception, and each place says what makes it one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { everything } from './documents.ts';
import { repository } from './repository.ts';

/** Tests make what they ask for; a migration is SQL; ClickHouse and the server's own databases have nothing else. */
const besides = /\/test\/|\.(spec|test)\.ts$|\/migrations\/|\/clickhouse\/|\/gen\//;
const files = everything
  .filter((path) => path.endsWith('.ts') && !besides.test(path))
  .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }))
  .filter(({ text }) => /from '(typeorm|@norn\/store)'/.test(text))
  .map(({ path, text }) => ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));

/** `manager.query('…')` and its like. */
function isRaw(node: ts.Node): node is ts.CallExpression {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
  const [asked] = node.arguments;
  const isText = asked !== undefined && (ts.isStringLiteralLike(asked) || ts.isTemplateExpression(asked));
  return isText && node.expression.name.text === 'query';
}

function rawIn(node: ts.Node): ts.CallExpression[] {
  const below: ts.CallExpression[] = [];
  ts.forEachChild(node, (child) => {
    below.push(...rawIn(child));
  });
  return isRaw(node) ? [node, ...below] : below;
}

/** The function or method around it. */
function placeOf(call: ts.Node): ts.Node {
  let place = call;
  while (!ts.isSourceFile(place.parent) && !ts.isClassDeclaration(place.parent)) place = place.parent;
  return place;
}

function withoutReason(file: ts.SourceFile): string[] {
  const saidBefore = (call: ts.Node): string => file.text.slice(placeOf(call).getFullStart(), call.getStart());
  return rawIn(file)
    .filter((call) => !/^\s*(\/\*\*|\*|\/\/).*\bSQL\b/m.test(saidBefore(call)))
    .map((call) => file.getLineAndCharacterOfPosition(call.getStart()).line + 1)
    .map((line) => `${file.fileName}:${line}: ask by a repository's method, or say above it why it is SQL`);
}

describe('SQL by hand beside TypeORM', () => {
  it('is looked for where it is', () => {
    expect(files.filter((file) => rawIn(file).length > 0).length).toBeGreaterThan(10);
  });

  it('has a sentence that says why', () => {
    expect(files.flatMap(withoutReason)).toEqual([]);
  });
});
