/** What may not come into a history, planted in files as they are found on machines; and what only looks like it. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { type GitSpec, git } from '../../src/destinations/git/index.ts';
import { store } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';
import { tarOf } from '../proofs/tar.ts';

/** Put together here, so that no scanner takes this file for what it is about. */
const of = (...parts: string[]) => parts.join('');
const word = (length: number) => 'aB3dE5gH7jK9mN1pQ2sT4vW6xY8zC0fL'.repeat(8).slice(0, length);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const armour = (label: string) =>
  of('-----BEGIN ', label, '-----\n', `${word(64)}\n`.repeat(3), '-----END ', label, '-----\n');

/** Kind, name and contents of a file; `line` is where it stands. */
const planted: [kind: string, name: string, line: number, text: string][] = [
  ['a private key', 'ssl/site.pem', 3, `# key\n\n${armour('RSA PRIVATE KEY')}`],
  ['a private key', 'home/id_ed25519', 1, armour('OPENSSH PRIVATE KEY')],
  ['a private key', 'backup.asc', 1, armour('PGP PRIVATE KEY BLOCK').replace('\n', '\nVersion: 1\n\n')],
  [
    'a private key',
    'gcp.json',
    1,
    `{"type": "service_account", "private_key": "${armour('PRIVATE KEY').replaceAll('\n', '\\n')}"}`,
  ],
  [
    'a private key',
    'values.yaml',
    2,
    `tls:\n  key: |\n${armour('EC PRIVATE KEY').replace(/^/gm, '    ')}`.replace('tls:\n  key: |\n', 'tls: |\n'),
  ],
  ['an age key', 'key.txt', 2, of('# created: today\nAGE-SECRET', '-KEY-1', 'Q'.repeat(58), '\n')],
  ['an AWS access key', 'aws/credentials', 2, of('[default]\naws_access_key_id = AK', 'IA', 'ABCDEFGHIJKLMNOP', '\n')],
  ['a key', 'aws/credentials-2', 2, `[default]\naws_secret_access_key = ${word(40)}\n`],
  ['a Google API key', 'maps.js', 1, of('load("AI', 'za', word(35), '")')],
  [
    'an Azure storage key',
    'azure.conf',
    1,
    of('DefaultEndpointsProtocol=https;AccountName=x;Account', 'Key=', word(86), '=='),
  ],
  ['a GitHub token', 'hub', 1, of('oauth: gh', 'p_', word(36))],
  ['a GitLab token', '.gitlab', 1, of('gl', 'pat-', word(20))],
  ['a Slack token', 'alert.sh', 1, of('curl -d x xo', 'xb-123456789012-', word(24))],
  ['a Stripe key', 'pay.rb', 1, of('Stripe.x = "sk', '_live_', word(24), '"')],
  ['an npm token', '.npmrc', 1, of('//registry.npmjs.org/:_auth=np', 'm_', word(36))],
  ['a JSON Web Token', 'cookie.txt', 1, of('ey', `J${word(12)}.eyJ`, `${word(20)}.`, word(43))],
  ['a password in a URL', 'app.conf', 1, of('db postgres://shop:', 'kX9-wq', '@db.internal/shop')],
  ['a password', 'app/.env', 2, 'NAME=shop\nexport DB_PASSWORD="correct horse"\n'],
  ['a password', 'config.yaml', 3, 'db:\n  user: shop\n  password: hunter22\n'],
  ['a password', 'appsettings.json', 1, '{"Smtp": {"Host": "mail", "Password": "hunter22"}}'],
  ['a password', '.pgpass', 2, '# host\ndb:5432:shop:shop:hunter22\n'],
  ['a key', 'config/secrets.yml', 2, of('production:\n  secret_key', '_base: 3f1c9e0b7a6d5e4f3c2b1a09\n')],
  ['a key', 'shop/env', 1, of('APP_KEY=base', '64:', base64(word(32)))],
  ['a Shopify token', 'shop.rb', 1, of('x = "shp', 'at_0123456789abcdef0123456789abcdef"')],
  ['a key of one-time passwords', 'otp.txt', 1, of('otpauth://totp/shop?sec', 'ret=JBSWY3DPEHPK3PXPABCD')],
  ['a password', 'backup.sh', 1, of('mysqldump -uroot -p', 'S3cretPass9 shop > x.sql\n')],
  ['a password', 'deploy.sh', 1, of("sshpass -p 'S3c", "ret!9' ssh root@host\n")],
  ['a password', 'postfix/sasl_passwd', 1, '[smtp.example.org]:587 shop:Tr0ub4dor\n'],
  ['a password', 'exim4/passwd.client', 1, 'smtp.example.org:shop:Tr0ub4dor\n'],
  ['a password', 'snmpd.conf', 1, 'createUser mon SHA "Auth9Pass" AES "Priv9Pass"\n'],
  ['a password', 'users.acl', 1, 'user shop on >Tr0ub4dor9 ~* +@all\n'],
  ['a password', 'fstab', 1, '//nas/share /mnt cifs username=shop,password=hunter22,uid=0 0 0\n'],
  ['a password', 'ipsec.secrets', 1, '@gate @home : PSK "correct horse"\n'],
  ['a password', 'mail/authinfo', 1, 'AuthInfo:mail "U:shop" "P:hunter22"\n'],
  ['a password', '.netrc', 1, of('machine git.example.org login ada pass', 'word hunter22\n')],
  ['a token', 'kubeconfig', 2, `users:\n- user: { token: ${word(40)} }\n`],
  ['a private key', 'kubeconfig-2', 1, `    client-key-data: ${base64(word(200))}\n`],
  ['a password hash', '.htpasswd', 1, of('ada:$ap', 'r1$abcdefgh$', word(22), '\n')],
  ['a password hash', 'users.ldif', 1, of('userPassword: {SS', 'HA}', base64(word(24)))],
  ['a password hash', 'preseed.cfg', 1, of('d-i passwd/root-password-crypted x $', '6$abcdefgh$', word(86))],
  ['the password file of a system', 'etc/shadow', 0, 'root:!:19000::::::\n'],
  ['a store of keys', 'tls/server.p12', 0, '\0\x01\x02'],
  ['a password', 'docker/config.json', 1, `{"auths": {"r.example.org": {"auth": "${base64('ada:hunter22')}"}}}`],
  ['a password', 'redis.conf', 2, 'port 6379\nrequirepass hunter22\n'],
  ['a password', 'wp-config.php', 1, "define( 'DB_PASSWORD', 'hunter22' );"],
  ['a password', 'server.xml', 1, '<user><password>hunter22</password></user>'],
  ['a password', 'my.cnf', 2, '[client]\npassword = hunter22\n'],
  ['an authorization header', 'call.http', 1, of('Authoriz', 'ation: Bearer ', word(32))],
];

const innocent: [name: string, text: string][] = [
  ['ssl/site.crt', armour('CERTIFICATE')],
  [
    'dump.sh',
    'mysqldump -uroot -p"$MYSQL_PASSWORD" shop\nmysql -p\nmkdir -p /srv/x\nsshpass -e ssh x\nsshpass -p "$PW" ssh x\n',
  ],
  ['postfix/sasl_passwd', '# [smtp.example.org]:587 user:password\n'],
  [
    'shop/app.yml',
    'app_key_file: /run/app\ncache_key: user-list-2024\nprimary_key: id\nsecret_key_base: <%= ENV["BASE"] %>\n',
  ],
  ['redis/users.acl', 'user default off\nuser shop on nopass ~* +@all\n'],
  ['ssh/id_ed25519.pub', `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${word(43)} ada@example.org\n`],
  ['pub.asc', armour('PGP PUBLIC KEY BLOCK')],
  [
    'README.md',
    of('Make a key: the file begins with `-----BEGIN ', 'PRIVATE KEY-----`.\nThen set the password: see the wiki.\n'),
  ],
  ['passwd', 'root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\n'],
  ['nsswitch.conf', 'passwd:         files systemd\nshadow:         files\n'],
  ['pam.d/common-password', 'password  [success=1 default=ignore]  pam_unix.so obscure yescrypt\n'],
  ['sshd_config', 'PasswordAuthentication no\nPermitEmptyPasswords no\nAuthorizedKeysFile .ssh/authorized_keys\n'],
  ['app/.env.example', 'DB_PASSWORD=\nAPI_KEY=changeme\nSECRET_KEY=<your secret>\nTOKEN=xxxxxxxx\n'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Compose
  ['compose.yaml', 'environment:\n  DB_PASSWORD: ${DB_PASSWORD}\n  DB_PASSWORD_FILE: /run/secrets/db\n'],
  ['values.yaml', 'password: "{{ .Values.db.password }}"\nexistingSecret: shop-db\nsecretName: tls-shop\n'],
  ['vault.yml', 'db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  62313365396662343061393464336163\n'],
  ['sops.yaml', 'password: ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]\n'],
  ['redis.conf', '# requirepass foobared\n# masterauth <master-password>\nmaxmemory 10mb\n'],
  ['login.js', 'const password = form.get("password");\nif (token === undefined) throw new Error("token: missing");\n'],
  ['urls.txt', 'https://example.org/a?token_type=x\npostgres://shop@db/shop\nhttps://user:$PASSWORD@host/\n'],
  ['aws.md', 'aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n'],
  ['sums.txt', `${'0123456789abcdef'.repeat(4)}  file.tar\n${'fedcba9876543210'.repeat(2)}  other\n`],
  ['package-lock.json', `{"integrity": "sha512-${word(86)}==", "node_modules/keyv": {"version": "4.5.4"}}`],
  ['nginx.conf', 'ssl_certificate_key /etc/ssl/private/site.key;\nauth_basic_user_file /etc/nginx/.htpasswd;\n'],
  [
    'policy.json',
    '{"passwordPolicy": {"minLength": 12}, "token_endpoint": "https://id.example.org/token", "tokenTtl": 3600}',
  ],
  ['login.defs', 'PASS_MAX_DAYS 99999\nENCRYPT_METHOD YESCRYPT\n'],
  ['keyboard', 'XKBLAYOUT="de"\nprimary_key: id\nforeign_key: order\n'],
  ['postgresql.conf', 'password_encryption = scram-sha-256\nssl_key_file = server.key\n'],
  ['trust.jks', ''],
];

const usable = has('git');

describe.skipIf(!usable)('secrets stay out of Git', () => {
  let folder: string;
  let count = 0;
  const opened = (spec: Partial<GitSpec> = {}): Promise<Destination> =>
    git.open('forge', { repository: join(folder, 'repository.git'), cache: join(folder, 'cache'), ...spec }, opening());
  const put = async (destination: Destination, name: string, body: string) => {
    count += 1;
    await store(
      destination,
      `a/${count}.tar`,
      tarOf([
        { name: 'harmless', body: 'x\n' },
        { name, body },
      ]),
    );
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runner-secrets-'));
    execFileSync('git', ['init', '-q', '--bare', join(folder, 'repository.git')]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(planted)('%s in %s is refused', async (kind, name, line, text) => {
    const error: Error = await put(await opened(), name, text).then(
      () => new Error('it was taken'),
      (thrown) => thrown,
    );
    expect(error.message).toContain(`${name}${line === 0 ? '' : `:${line}`} (${kind})`);
    for (const secret of ['hunter22', word(20), 'kX9-wq', 'correct horse']) expect(error.message).not.toContain(secret);
  });

  it('and nothing of them was left behind, here or there', async () => {
    expect(await readdir(join(folder, 'repository.git', 'refs', 'heads'))).toEqual([]);
    const [cache] = await readdir(join(folder, 'cache'));
    expect(await readdir(join(folder, 'cache', cache!, 'attempts'))).toEqual([]);
    const all = ['cat-file', '--batch-all-objects', '--batch'];
    expect(String(execFileSync('git', ['-C', join(folder, 'cache', cache!), ...all]))).not.toContain('hunter22');
  });

  it.each(innocent)('%s is taken', async (name, text) => {
    await put(await opened(), name, text);
  });

  it('finds what stands across the pieces in which a stream comes, and in long lines', async () => {
    const destination = await opened();
    const text = `${'x'.repeat(200_000)} ${of('gh', 'p_', word(36))}`;
    await expect(put(destination, 'long.min.css', text)).rejects.toThrow('long.min.css:1 (a GitHub token)');
    const tar = tarOf([{ name: 'a.env', body: 'PASSWORD=hunter22\n' }]);
    const sink = await destination.put('a/bytes.tar', 'one');
    for (const byte of tar) await sink.write([Buffer.of(byte)]);
    await expect(sink.prepare()).rejects.toThrow('a.env:1 (a password)');
    await sink.abort();
  });

  it('what is no archive is looked through as well', async () => {
    await expect(store(await opened(), 'a/raw.conf', Buffer.from('password=hunter22'))).rejects.toThrow(
      'a/raw.conf:1 (a password)',
    );
    const wide = Buffer.from('\ufeff[mail]\r\npassword=hunter22\r\n', 'utf16le');
    await expect(store(await opened(), 'a/wide.ini', wide)).rejects.toThrow('a/wide.ini:2 (a password)');
  });

  it('a name that is one is refused and not told', async () => {
    const name = of('tokens/gh', 'p_', word(36));
    const refused = put(await opened(), name, 'x');
    await expect(refused).rejects.toThrow('tokens/(a file) (a GitHub token in its name)');
    await expect(refused).rejects.not.toThrow(word(36));
  });

  it('allow-secrets takes a file that is named with a reason, refuse refuses one', async () => {
    const allowing = await opened({ 'allow-secrets': { '/test/**': 'made up', '*.example': 'made up' } });
    await put(allowing, 'test/deep/config.ini', 'password=hunter22\n');
    await put(allowing, 'any/where/app.example', 'password=hunter22\n');
    await expect(put(allowing, 'other/test/config.ini', 'password=hunter22\n')).rejects.toThrow(
      'other/test/config.ini:1',
    );
    const refusing = await opened({ refuse: ['*.key', 'etc/letsencrypt/**'] });
    await expect(put(refusing, 'a/b/x.key', '')).rejects.toThrow('a/b/x.key (in "refuse")');
    await expect(put(refusing, './etc/letsencrypt/live/a/b', '')).rejects.toThrow('(in "refuse")');
    await put(refusing, 'a/x.keys', '');
  });
});
