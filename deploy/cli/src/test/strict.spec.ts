// Where the mark must be, and that it is nowhere else and understood wherever it is.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import { isStrict, isStrictFile, strictTests } from './strict.ts';

/** Rows, signatures and rights, the ledger of what was done, made-up input, and what is proved by number. */
const folders = ['bus', 'fuzz', 'long', 'remediation', 'stages', 'stores'].map((name) => `test/${name}`);

/** Of these, every test. */
const sources = [
  'inside/src/restore_races.rs',
  'vault/tests/vault/restoring/races.rs',
  'vault/tests/vault/restoring/undo.rs',
];

const others: Readonly<Record<string, readonly string[]>> = {
  'baldur/src/run/daemon/execution.rs': ['what_is_to_be_undone_is_the_only_scope'],
  'baldur/tests/run/earlier_jobs.rs': ['a_command_leaves_what_earlier_jobs_made_also_after_a_restart_of_the_agent'],
  'baldur/tests/run/persistence.rs': ['what_was_planted_to_come_back_is_undone_and_the_implant_kept_for_the_analyst'],
  'baldur/tests/variations/main.rs': ['long_every_way_to_empty_or_replace_is_seen_and_undone'],
  'inside/src/restore_tests.rs': [
    'who_mapped_a_program_while_all_could_write_to_it_does_not_change_it_when_it_is_privileged_again',
    'a_call_that_failed_is_undone_by_doing_nothing',
    'a_mode_and_a_directory_are_undone_too',
  ],
  'journal/src/index/state.rs': [
    'what_an_attack_found_survives_a_long_life_before_and_many_rounds_of_restore_and_undo_after',
  ],
  'restore/src/planning/origin.rs': ['two_of_a_scope_that_write_by_turns_are_undone_to_what_was_there_before_both'],
  'vault/tests/vault/keeping/clones.rs': ['the_restore_of_a_huge_file_can_be_undone'],
  'vault/tests/vault/attacks/moved_out.rs': [
    'files_that_somebody_else_moved_are_undone_where_they_are',
    'what_its_mover_does_to_its_files_is_undone_where_they_were',
    'what_somebody_else_does_to_its_files_is_undone_where_they_are',
  ],
  'vault/tests/vault/restoring/earlier_jobs.rs': [
    'what_earlier_jobs_made_stays_and_is_put_back_where_the_attack_harmed_it',
    'what_its_maker_writes_again_at_once_is_not_taken_for_what_he_made',
    'what_one_process_made_before_and_harmed_since_has_a_verdict',
    'what_was_there_before_the_daemon_comes_back_whenever_it_was_changed',
  ],
  'vault/tests/vault/restoring/restores.rs': ['a_second_attack_is_undone_too', 'symlink_race_never_leaves_root'],
};

const read = (path: string): string => readFileSync(join(repository, path), 'utf8');
const ofJest = globSync('{libs,services,native-agent/tyr,deploy,test}/**/*.{spec,test}.ts', {
  cwd: repository,
  exclude: (name) => name.endsWith('node_modules'),
});
const ofAgent = globSync('*/{src,tests}/**/*.rs', { cwd: join(repository, 'native-agent/crates') }).map((path) => ({
  path,
  source: read(`native-agent/crates/${path}`),
}));

const testsIn = (source: string): string[] =>
  [...source.matchAll(/^ *#\[test\]\n(?: *#\[.*\]\n)* *fn (\w+)/gm)].map(([, name = '']) => name);

describe('the mark', () => {
  it('is in each file of jest’s that has failed when it fails once', () => {
    const marked = ofJest.filter((path) => isStrictFile(read(path)));
    const wanted = ofJest.filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)));
    expect(marked.toSorted()).toEqual(wanted.toSorted());
    expect(marked.length).toBeGreaterThan(40);
  });

  it('is above each of the agent’s tests that has', () => {
    const marked = ofAgent.flatMap(({ path, source }) => strictTests(source).map((test) => `${path}: ${test}`));
    const wanted = ofAgent.flatMap(({ path, source }) => {
      const tests = sources.includes(path) ? testsIn(source) : (others[path] ?? []);
      return tests.map((test) => `${path}: ${test}`);
    });
    expect(marked.toSorted()).toEqual(wanted.toSorted());
    for (const path of [...sources, ...Object.keys(others)])
      expect([path, marked.some((test) => test.startsWith(`${path}: `))]).toEqual([path, true]);
  });

  it('is nowhere where it would mark nothing', () => {
    const lines = (source: string): number => source.match(/@norn-strict/g)?.length ?? 0;
    const idle = ofAgent.filter(({ source }) => lines(source) !== strictTests(source).length);
    expect(idle.map(({ path }) => path)).toEqual([]);
  });
});

describe('a test', () => {
  it('is found by what its runner knows of it', () => {
    const file = join(repository, 'test/stages/stages.test.ts');
    expect(isStrict({ test: 'any of that file', file })).toBe(true);
    expect(isStrict({ test: 'any of this file', file: import.meta.filename })).toBe(false);
    expect(isStrict({ test: 'a_restore_is_undone_and_done_again', file: '' })).toBe(true);
    expect(isStrict({ test: 'restore_races::what_took_a_programs_name_does_not_become_privileged', file: '' })).toBe(
      true,
    );
    expect(isStrict({ test: 'exec::exec', file: '' })).toBe(false);
  });
});
