import { describe, expect, it } from 'vitest';
import { lines, read } from '../unit/plan-schema/plans.ts';

const planOf = (backup: string) => `version: 1
name: shop
destinations: { main: { type: local, path: /a }, nas: { type: local, path: /b } }
backups:
  db:
    source: { type: sqlite, path: a }
${backup.includes('destinations') ? '' : '    destinations: [main]\n'}${backup}
`;

const said = async (rule: string, backup: string) =>
  lines((await read(planOf(backup))).diagnostics.filter((diagnostic) => diagnostic.rule === rule));

const age = 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqs';
const fingerprint = '0123456789ABCDEF0123456789ABCDEF01234567';

describe('a check that opens a backup', () => {
  it('is an error where age has recipients only, at the check and not at the first run', async () => {
    const sealed = `    transforms: [{ age: { recipients: [${age}] } }]\n`;
    const message =
      'cannot-open this opens the backup, and its age transform names no private key [identities in the age transform, or a check that opens nothing: checksum]';
    expect(await said('cannot-open', `${sealed}    verify: [{ checksum: {} }, content]`)).toEqual([`9:32 ${message}`]);
    expect(await said('cannot-open', `${sealed}    verify: [{ restore: {} }]`)).toEqual([`9:14 ${message}`]);
    expect(await said('cannot-open', `${sealed}    verify: [{ checksum: {} }]`)).toEqual([]);
    const open = `    transforms: [{ age: { recipients: [${age}], identities: [k] } }]\n`;
    expect(await said('cannot-open', `${open}    verify: [content]`)).toEqual([]);
  });

  it('is advice where gpg seals to key files and only a keyring can open them', async () => {
    const sealed = (spec: string) => `    transforms: [{ gpg: { ${spec} } }]\n    verify: [content]`;
    expect(await said('needs-keyring', sealed('recipients: [keys/ops.asc]'))).toEqual([
      "9:14 needs-keyring this opens the backup, and its gpg transform names no private key: only the user's keyring can [identity in the gpg transform, where the keyring does not hold the key]",
    ]);
    expect(await said('needs-keyring', sealed('recipients: [keys/ops.asc], identity: k'))).toEqual([]);
    expect(await said('needs-keyring', sealed(`recipients: [keys/ops.asc, ${fingerprint}]`))).toEqual([]);
    const waived = `${sealed('recipients: [keys/ops.asc]')}\n    allow: { needs-keyring: "the agent holds it" }`;
    expect(await said('needs-keyring', waived)).toEqual([]);
    expect(await said('allow', waived)).toEqual([]);
  });
});

describe('a destination with a filter', () => {
  const filtered = (retention: string) =>
    `    destinations: [main, { nas: { tiers: [monthly, yearly] } }]\n    retention: ${retention}`;

  it('is an error where no retention of the backup ever makes such a tier', async () => {
    const message =
      '7:42 no-effect "nas" takes only monthly or yearly backups, and the retention of backup "db" makes none [monthly or yearly in its retention]';
    expect(await said('no-effect', filtered('{ last: 2, daily: 7 }'))).toEqual([message]);
    expect(await said('no-effect', filtered('null'))).toEqual([message]);
    expect(await said('no-effect', filtered('{ daily: 7, monthly: 3 }'))).toEqual([]);
    expect(await said('no-effect', filtered('{ main: { daily: 7 }, nas: { yearly: 3 } }'))).toEqual([]);
  });
});
