import type { Databases } from '../../kind.ts';
import { asked } from './ask.ts';
import { whereOf } from './connection.ts';
import type { Spec } from './spec.ts';

const own = (spec: Spec) => ({ spec, target: null });

/** A database is made by its first collection, and cannot be renamed: what comes back is loaded over what is there. */
export const databases: Databases<Spec> = {
  where: whereOf,
  at(spec, url) {
    if (url.protocol !== 'mongodb:')
      throw new Error(`${url.protocol}// is no address of MongoDB: it begins with mongodb://`);
    if (spec.uri)
      throw new Error(
        `the login stands in the secret "${spec.uri.secret}" together with its server: name the target by its database alone, or say host, user and password in the plan`,
      );
    const { host: _host, port: _port, 'replica-set': _set, ...rest } = spec;
    const user = decodeURIComponent(url.username);
    const set = url.searchParams.get('replicaSet');
    return {
      ...rest,
      host: url.hostname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      ...(user === '' ? {} : { user }),
      ...(set === null ? {} : { 'replica-set': set }),
    };
  },
  look: (spec, name, facts) => asked(own(spec), ['look', name], facts),
  create: () => [],
  drop: (spec, name, facts) => [asked(own(spec), ['drop', 'named', name], facts)],
  mark: {
    write: (spec, name, text, facts) => [asked(own(spec), ['mark', name, text], facts)],
    read: (spec, name, facts) => asked(own(spec), ['marked', name], facts),
  },
  move: (spec, parts, { beside, target }, facts) => [asked(own(spec), ['move', beside, target, ...parts], facts)],
};
