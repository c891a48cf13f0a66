/** A profile that gives nothing is named: "no credentials" would send a person to look elsewhere. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { credentialsOf } from '../../../src/destinations/s3/credentials.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';

const reach = { region: 'us-east-1' };
const opening = { readSecret: async () => '', environment: {}, purpose: 'use' } as const;

async function ask(profile: string, config: string): Promise<unknown> {
  const place = temporaryDirectory('profile-');
  writeFileSync(join(place.path, 'config'), config);
  vi.stubEnv('AWS_CONFIG_FILE', join(place.path, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(place.path, 'none'));
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  try {
    const provider = await credentialsOf({ profile }, reach, opening);
    return typeof provider === 'function' ? await provider() : provider;
  } finally {
    place.remove();
  }
}

describe('a profile of the AWS configuration', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('gives its credentials', async () => {
    const config = '[profile nightly]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = not-a-real-one\n';
    expect(await ask('nightly', config)).toMatchObject({ accessKeyId: 'AKIAEXAMPLE' });
  });

  it.each([
    ['is not there', ''],
    [
      'leans on another that is not there',
      '[profile nightly]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n',
    ],
  ])('is named when it %s', async (_, config) => {
    await expect(ask('nightly', config)).rejects.toThrow(
      'the profile "nightly" of the AWS configuration gives no credentials',
    );
  });
});
