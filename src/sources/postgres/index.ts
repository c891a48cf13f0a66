import type { SourceKind } from '../../kind.ts';
import { ask } from './ask.ts';
import { capture } from './capture.ts';
import { content } from './content.ts';
import { databases } from './databases.ts';
import { part, parts } from './parts.ts';
import { createsPublic } from './patterns.ts';
import { clients, folders, servers } from './programs.ts';
import { requirements } from './requirements.ts';
import { options, restore } from './restore.ts';
import { scratch } from './scratch.ts';
import { snapshot } from './snapshot.ts';
import { databaseOf, extensionOf, formatOf, type Spec } from './spec.ts';
import { survey } from './survey.ts';

/** PostgreSQL databases by pg_dump; see README.md. */
export const postgres: SourceKind<Spec> = {
  role: 'source',
  type: 'postgres',
  programs: () => [...clients, ...servers, 'tar'],
  folders,
  survey,
  parts,
  part,
  extension: extensionOf,
  requirements,
  snapshot,
  capture,
  content,
  scratch,
  restores: () => 'database',
  databases,
  home: databaseOf,
  relocate: (spec, name) => part(spec, { name, purpose: 'data' }),
  restore,
  options,
  questions: ['sql', 'contents'],
  ask,
  manual: (spec) => {
    const into = 'createdb --template=template0 restored';
    const clean = createsPublic(spec) ? ' --clean --if-exists' : '';
    switch (formatOf(spec)) {
      case 'custom':
        return `(${into} && pg_restore --exit-on-error${clean} --dbname=restored)`;
      case 'plain':
        return `(${into} && psql -X -v ON_ERROR_STOP=1 --single-transaction --dbname=restored -o /dev/null -f -)`;
      case 'directory':
        return `(tar -x -f - && ${into} && pg_restore --exit-on-error${clean} --jobs=2 --dbname=restored dump)`;
      case 'globals':
        return 'psql -X --dbname=postgres -f -';
    }
  },
};
