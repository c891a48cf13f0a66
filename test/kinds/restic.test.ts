import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { type ResticSpec, restic } from '../../src/destinations/restic/index.ts';
import { destinationContract } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';
import { password, ResticRepository, versions } from '../helpers/restic.ts';

const made: ResticRepository[] = [];
afterEach(() => {
  for (const repository of made.splice(0)) repository.remove();
});

function repositoryOf(path?: string): ResticRepository {
  const repository = ResticRepository.make(path);
  made.push(repository);
  return repository;
}

const opened = (repository: ResticRepository, spec: Partial<ResticSpec> = {}): Promise<Destination> =>
  restic.open(
    'deep',
    { repository: repository.folder, password: { secret: 'repository' }, cache: repository.cache, ...spec },
    opening({ repository: password }, { environment: repository.environment }),
  );

for (const { name, path } of versions) {
  describe.skipIf(!has('restic'))(name, () => {
    destinationContract(`restic ${name}`, async () => {
      const repository = repositoryOf(path);
      const breakListing = async () => {
        // A snapshot that no key opens.
        const file = join(repository.folder, 'snapshots', 'f'.repeat(64));
        writeFileSync(file, 'no snapshot');
        return () => rm(file);
      };
      return { open: () => opened(repository), breakListing, objects: 40, end: async () => {} };
    });
  });
}
