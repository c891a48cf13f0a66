/** Whatever rclone reaches: a remote of its configuration, or one that the plan describes. */
import type { DestinationKind, Opening } from '../../destination.ts';
import type { DestinationRclone } from '../../plan/generated/types.ts';
import { shellWord } from '../../shell.ts';
import { fileOf } from '../keys.ts';
import { fileSeals, seals } from './config.ts';
import { connectionOf, type Options, secretsOf, valuesOf, variablesOf } from './options.ts';
import { below, environmentOf, inlineName, inlineRemote, type Remote, rootOf } from './remote.ts';
import { requirementsOf } from './requirements.ts';
import { openRclone } from './store.ts';

export type RcloneSpec = DestinationRclone;

const optionsOf = (spec: RcloneSpec) => spec.options as Options | undefined;

export const rclone: DestinationKind<RcloneSpec> = {
  role: 'destination',
  type: 'rclone',

  encrypts({ remote, options, config }) {
    if (options) return seals(options);
    return typeof config === 'string' && fileSeals(config, remote!);
  },

  requirements(name, spec) {
    const { config, 'config-password': password } = spec;
    const options = optionsOf(spec);
    const given = [config, password].flatMap((one) => (typeof one === 'object' ? [one.secret] : []));
    const secrets = [...given, ...(options ? secretsOf(options) : [])];
    const all = requirementsOf(name, this.describe(spec), spec, secrets);
    if (typeof config === 'string')
      all.push({ need: 'path', path: config, what: 'file', why: 'it is the configuration of rclone' });
    if (options?.type === 'local' && !spec.path?.startsWith('/'))
      all.push({
        need: 'fact',
        problem: `destination "${name}": \`path\` must begin with "/", or it depends on where runner is started`,
      });
    return all;
  },

  describe: ({ remote, options, path }) => rootOf(`rclone ${options ? options.type : remote}`, path),

  fetch(spec, key) {
    const options = optionsOf(spec);
    const from = below(rootOf(options ? connectionOf(options) : spec.remote!, spec.path), key);
    const config = typeof spec.config === 'string' ? ['--config', spec.config] : [];
    const words = ['rclone', 'copyto', from, `./${fileOf(key)}`, ...config];
    return [...(options ? variablesOf(options) : []), ...words.map(shellWord)].join(' ');
  },

  open: async (name, spec, opening) => openRclone(name, await remoteOf(spec, opening), opening),
};

async function remoteOf(spec: RcloneSpec, opening: Opening): Promise<Remote> {
  const { config, path, flags = [], 'config-password': password } = spec;
  const options = optionsOf(spec);
  const text = typeof config === 'object' ? await opening.readSecret(config.secret) : undefined;
  const found: Remote = {
    root: rootOf(options ? inlineName : spec.remote!, path),
    place: rclone.describe(spec),
    flags,
    environment: {
      ...(typeof config === 'string' && { RCLONE_CONFIG: config }),
      // With options alone, no configuration of this user's has a say.
      ...(options && config === undefined && { RCLONE_CONFIG: '/notfound' }),
      ...(password && { RCLONE_CONFIG_PASS: await opening.readSecret(password.secret) }),
    },
    ...(text !== undefined && { config: text }),
  };
  if (!options) return found;
  const values = await valuesOf(options, opening.readSecret, environmentOf(found, null, opening.environment));
  return { ...found, environment: { ...found.environment, ...inlineRemote(values) } };
}
