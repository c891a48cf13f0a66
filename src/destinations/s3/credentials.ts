/** Who asks: secrets of the plan, a profile, or what every AWS program finds; and the role that is then assumed. */
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { Opening } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { shellWord } from '../../shell.ts';
import type { Identity } from './spec.ts';

export type Provider = NonNullable<S3ClientConfig['credentials']>;

/** How STS and the like are reached: as the store itself is. */
type Reach = Pick<S3ClientConfig, 'region' | 'requestHandler'> & { endpoint?: string };

export async function credentialsOf(identity: Identity, reach: Reach, opening: Opening): Promise<Provider> {
  const own = await ownCredentials(identity, reach, opening);
  if (!identity.role) return own;
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  const { role } = identity;
  const { arn, 'external-id': externalId = undefined } = typeof role === 'string' ? { arn: role } : role;
  return fromTemporaryCredentials({
    masterCredentials: own as NonNullable<Parameters<typeof fromTemporaryCredentials>[0]['masterCredentials']>,
    params: { RoleArn: arn, RoleSessionName: 'backup-runner', ...(externalId ? { ExternalId: externalId } : {}) },
    clientConfig: reach as NonNullable<Parameters<typeof fromTemporaryCredentials>[0]['clientConfig']>,
  });
}

async function ownCredentials(
  identity: Identity,
  reach: Reach,
  { readSecret, environment }: Opening,
): Promise<Provider> {
  const { 'access-key-id': givenId, 'secret-access-key': givenSecret, 'session-token': givenToken } = identity;
  if (givenId && givenSecret) {
    const token = givenToken ? await readSecret(givenToken.secret) : '';
    return {
      accessKeyId: await readSecret(givenId.secret),
      secretAccessKey: await readSecret(givenSecret.secret),
      ...(token === '' ? {} : { sessionToken: token }),
    };
  }
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = environment;
  if (identity.profile === undefined && environment.AWS_PROFILE === undefined && id && secret)
    return { accessKeyId: id, secretAccessKey: secret, ...(token ? { sessionToken: token } : {}) };
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const { endpoint: _, ...clientConfig } = reach;
  const profile = identity.profile ?? environment.AWS_PROFILE;
  const chain = fromNodeProviderChain({
    ...(profile === undefined ? {} : { profile }),
    clientConfig: clientConfig as NonNullable<Parameters<typeof fromNodeProviderChain>[0]>['clientConfig'] & object,
  });
  if (profile === undefined) return chain;
  return async (...given) => {
    try {
      return await chain(...given);
    } catch (error) {
      if ((error as Error).name !== 'CredentialsProviderError') throw error;
      throw new RunnerError(
        `the profile "${profile}" of the AWS configuration gives no credentials: look at \`aws configure list --profile ${shellWord(profile)}\`, and log in there (\`aws sso login\`) where it is one of SSO.`,
      );
    }
  };
}
