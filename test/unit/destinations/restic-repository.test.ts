import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Program } from '../../../src/destinations/restic/program.ts';
import { Repository } from '../../../src/destinations/restic/repository.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';

it('a snapshot that came while all were listed, and went again, is not remembered', async () => {
  const place = temporaryDirectory();
  try {
    const folder = join(place.path, 'snapshots');
    mkdirSync(folder);
    const rival = 'a'.repeat(64);
    let listings = 0;
    const listed = [{ id: rival, time: '2026-11-22T01:03:38Z', tags: ['runner', 'size=1'], paths: ['/race'] }];
    const run = async () => {
      listings += 1;
      // The names of the folder have been read: this one is not among them.
      if (listings === 1) writeFileSync(join(folder, rival), '');
      return { stdout: Buffer.from(JSON.stringify(listings === 1 ? listed : [])), stderr: '' };
    };
    const program = { options: { name: 'deep', initialize: false }, run } as unknown as Program;
    const repository = new Repository(program, place.path);
    await repository.refresh();
    expect(repository.known.object('race')?.id).toBe(rival);
    rmSync(join(folder, rival));
    await repository.refresh();
    expect(repository.known.object('race')).toBeNull();
    await repository.refresh();
    expect(listings).toBe(2);
  } finally {
    place.remove();
  }
});
