/** Small plans for the tests of the command line. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { temporaryDirectory } from '../helpers/runner.ts';

export type Workplace = { path: string; remove(): void };

export const small = `version: 1
name: small
sources:
  notes: { type: files, paths: [notes] }
destinations:
  disk: { type: local, path: store }
retention:
  few: { last: 2 }
backups:
  notes:
    source: notes
    destinations: [disk]
    retention: few
    verify: [content]
`;

/** A directory with some files to back up and a `runner.yaml` of this text. */
export function workplace(text: string = small): Workplace {
  const place = temporaryDirectory('runner-cli-');
  mkdirSync(join(place.path, 'notes'));
  writeFileSync(join(place.path, 'notes', 'first.txt'), 'first\n');
  writeFileSync(join(place.path, 'notes', 'second.txt'), 'second\n');
  writeFileSync(join(place.path, 'runner.yaml'), text);
  return place;
}

/** What makes such directories, as many as a test wants; each goes when its test has ended. */
export function workplaces(): (text?: string) => Workplace {
  const made: Workplace[] = [];
  afterEach(() => {
    for (const place of made.splice(0)) place.remove();
  });
  return (text) => {
    const place = workplace(text);
    made.push(place);
    return place;
  };
}
