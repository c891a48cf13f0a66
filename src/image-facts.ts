/** What programs there are in an image: a throw-away container of it is asked. */
import { execFile } from 'node:child_process';
import { scratchUser } from './compile/scratch.ts';
import type { SiteHost } from './programs.ts';
import { readSite, type Site, siteWords } from './site-script.ts';

/** Milliseconds: the image may have to be fetched. */
const imageTime = 600_000;

/** What docker writes under an error: where its help is. */
const pointer = /^(Run|See) 'docker/;

/** Throws an Error with a sentence where no container of it can be started. */
export async function imageFacts(
  names: readonly string[],
  folders: readonly string[],
  image: string,
  { environment }: SiteHost,
): Promise<Site> {
  const run = ['run', '--rm', '--pull=missing', '--network=none', `--user=${scratchUser}:${scratchUser}`];
  const [shell, ...words] = siteWords(names, folders);
  return readSite(names, await docker([...run, `--entrypoint=${shell}`, '--', image, ...words], environment, image));
}

function docker(argv: string[], environment: SiteHost['environment'], image: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...environment }, timeout: imageTime, encoding: 'utf8' as const };
    execFile('docker', argv, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const isMissing = 'code' in error && error.code === 'ENOENT';
      const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !pointer.test(line));
      const said = lines.at(-1) ?? error.message.split('\n')[0];
      const why = isMissing ? 'the program docker is missing' : said;
      reject(new Error(`no throw-away server can run in the image ${image}: ${why}`));
    });
  });
}
