import type { SourceKind } from '../../kind.ts';
import { shellWord } from '../../shell.ts';
import { ask } from './ask.ts';
import { requirements } from './checks.ts';
import { databases } from './databases.ts';
import { capture, content } from './dump.ts';
import { partOf, partsOf } from './parts.ts';
import { programFolders, programNames } from './programs.ts';
import { restore } from './restore.ts';
import { scratch } from './scratch.ts';
import { type Flavour, type MysqlSpec, named } from './spec.ts';
import { readSurvey, surveyCommand } from './survey.ts';

/** MySQL and MariaDB: one code, told apart by the type that the plan writes and the version that the server tells. */
export const mysqlKind = (type: Flavour): SourceKind<MysqlSpec> => ({
  role: 'source',
  type,
  programs: () => programNames,
  folders: programFolders,
  survey: { command: surveyCommand, read: readSurvey },
  parts: partsOf,
  part: partOf,
  extension: () => '.sql',
  requirements,
  capture,
  content,
  scratch,
  restores: () => 'database',
  databases: databases(type),
  home: named,
  relocate: (spec, name) => ({ ...spec, part: { database: name, damaged: true } }),
  restore,
  questions: ['sql', 'contents'],
  ask,
  manual: (spec) => manual(type, spec),
});

/** Who and where stand in the client's own files (~/.my.cnf), or are added by hand. */
function manual(type: Flavour, spec: MysqlSpec): string {
  const program = `${type === 'mariadb' ? 'mariadb' : 'mysql'} --binary-mode --max-allowed-packet=1G --default-character-set=utf8mb4`;
  if (spec.part && 'users' in spec.part) return `${program} --force`;
  const name = named(spec);
  return `${program} ${name === null ? '--database=DATABASE' : shellWord(`--database=${name}`)}`;
}
