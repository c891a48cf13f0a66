import type { SourceKind } from '../../kind.ts';
import { ask, asked } from './ask.ts';
import { databases } from './databases.ts';
import { requirements } from './requirements.ts';
import { folders, scratch } from './scratch.ts';
import { readSurvey, type Spec } from './spec.ts';
import { capture, content, restore } from './tools.ts';

export const mongodb: SourceKind<Spec> = {
  role: 'source',
  type: 'mongodb',
  programs: () => ['mongodump', 'mongorestore', 'mongod', 'mongosh'],
  folders,
  survey: {
    command: (spec, facts) => asked({ spec, target: null }, ['survey', spec.database ?? ''], facts),
    read: (_spec, printed) => readSurvey(printed),
  },
  extension: () => '.archive',
  requirements,
  capture,
  content,
  scratch,
  // All of a server goes back to where it came from: its databases have names of their own.
  restores: (spec) => (spec.database === undefined ? 'none' : 'database'),
  databases,
  home: (spec) => spec.database ?? null,
  relocate: ({ collections: _collections, 'exclude-collections': _excluded, ...spec }, name) => ({
    ...spec,
    database: name,
  }),
  options: { 'oplog-limit': 'string' },
  restore: (spec, target, facts, options) =>
    restore(spec, target, facts, options, { drop: spec.database === undefined }),
  questions: ['collection', 'contents'],
  ask: (spec, question, target, facts) => ask(spec, question, target, facts),
  manual: ({ database }) =>
    `mongorestore --config ~/mongo.yaml --stopOnError${database === undefined ? '' : " --nsFrom='$database$.$collection$' --nsTo='restored.$collection$'"} --archive`,
};
