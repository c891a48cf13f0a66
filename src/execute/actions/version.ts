import own from '../../../package.json' with { type: 'json' };

/** What manifests and run records call this program. */
export const runnerVersion = `${own.name} ${own.version}`;
