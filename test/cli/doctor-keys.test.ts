import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { runner } from '../helpers/runner.ts';
import { makeKey } from '../kinds/gpg-keys.ts';
import { small, type Workplace, workplace } from './plan.ts';

const places: Workplace[] = [];
afterAll(() => {
  for (const place of places) place.remove();
});

const sealed = (identity: string, ...recipients: string[]) =>
  small.replace(
    '    source: notes\n',
    `    source: notes\n    transforms: [{ gpg: { recipients: [${recipients.join(', ')}], identity: ${identity} } }]\n`,
  );

describe.skipIf(!has('gpg'))('doctor of a plan that seals by gpg', () => {
  it('warns of keys that end soon, and tells whom the newest backup is for', async () => {
    const ours = await makeKey('ours', { days: 400 });
    const added = await makeKey('added', { days: 400, subkeyDays: 10 });
    const place = workplace(sealed(ours.privateFile, ours.publicFile));
    places.push(place);
    const run = (...words: string[]) => runner(words, { cwd: place.path });
    const doctor = async () => {
      const { exitCode, stdout, stderr } = await run('doctor', '--json');
      expect(stderr).toBe('');
      const { checks } = JSON.parse(stdout) as { checks: { check: string; health: string; message: string }[] };
      const of = (name: string) => checks.filter(({ check }) => check === name);
      return { exitCode, keys: of('key'), recipients: of('recipients') };
    };
    expect((await doctor()).recipients).toEqual([]);
    expect(await run('apply', '--quiet')).toMatchObject({ exitCode: 0, stderr: '' });
    const fine = await doctor();
    expect(fine).toMatchObject({ exitCode: 0, keys: [{ health: 'ok' }], recipients: [{ health: 'ok' }] });
    expect(fine.recipients[0]!.message).toMatch(/ is sealed for the keys of the plan$/);

    writeFileSync(join(place.path, 'runner.yaml'), sealed(ours.privateFile, ours.publicFile, added.publicFile));
    const later = await doctor();
    expect(later).toMatchObject({ exitCode: 1, keys: [{ health: 'warning' }], recipients: [{ health: 'warning' }] });
    expect(later.keys[0]!.message).toMatch(
      new RegExp(`^the key ${added.fingerprint} in .*added.asc expires on \\d{4}-\\d\\d-\\d\\d, in (9|10) days: `),
    );
    expect(later.recipients[0]!.message).toContain(`the key ${added.fingerprint} added <added@example.org> does not`);
  });
});
