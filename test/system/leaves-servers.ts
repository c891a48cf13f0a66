/** The other half of the rich plan: servers of databases, places to run, and what is asked of restored databases. */
const everyCount = { equals: 4, 'at-least': 3, 'at-most': 9 };
const secret = (name = 'token') => ({ secret: name });
const ssh = {
  host: 'web.internal',
  user: 'backup',
  port: 2222,
  key: 'id',
  jump: 'me@gate.internal:22',
  'known-hosts': 'known',
};

/** Three backups that use every key of the kinds `mysql` and `mariadb`. */
function similar(name: string, type: 'mysql' | 'mariadb'): Record<string, unknown> {
  const verify = ['content'];
  return {
    [name]: {
      source: {
        type,
        host: `${name}.internal`,
        port: 3307,
        user: 'backup',
        password: secret(),
        database: ['orders', 'stock'],
        'exclude-tables': ['sessions', 'old ones'],
        routines: false,
        events: false,
        triggers: false,
        globals: { passwords: true },
        tls: { mode: 'verify-ca', ca: 'ca.crt', certificate: 'own.crt', key: 'own.key' },
      },
      verify,
    },
    [`${name}-url`]: { source: { type, url: secret(), database: { matching: ['a*', 'b'], except: ['ab'] } }, verify },
    [`${name}-some`]: {
      source: {
        type,
        socket: '/run/mysqld.sock',
        database: 'shop',
        tables: ['a', 'b'],
        routines: true,
        events: true,
        globals: true,
      },
      verify,
    },
  };
}

export function serversPlan(): Record<string, unknown> {
  return {
    version: 1,
    name: 'servers',
    secrets: { token: { env: 'ENV_SECRET' }, given: { credential: 'token' }, server: { file: 'secret-a' } },
    destinations: { main: { type: 'local', path: 'main' } },
    defaults: { destinations: ['main'] },
    backups: {
      ...similar('orders', 'mysql'),
      ...similar('stock', 'mariadb'),
      cache: {
        source: {
          type: 'redis',
          host: 'cache.internal',
          port: 6380,
          user: 'backup',
          password: { secret: 'token' },
          method: 'rdb',
          timeout: '20m',
          settings: { 'maxmemory-policy': 'noeviction' },
          tls: { ca: 'ca.crt', certificate: 'own.crt', key: 'own.key', 'server-name': 'cache' },
        },
        verify: ['content'],
      },
      'cache-file': {
        source: { type: 'redis', socket: 'redis.sock', method: 'bgsave', 'data-directory': 'www', file: 'shop.rdb' },
        verify: ['content'],
        allow: { 'no-restore-test': 'the other one has its own' },
      },
      documents: {
        source: {
          type: 'mongodb',
          host: 'documents.internal',
          port: 27018,
          user: 'backup',
          password: { secret: 'token' },
          'authentication-database': 'people',
          'replica-set': 'rs0',
          database: 'shop',
          'exclude-collections': ['sessions', 'old ones'],
          users: true,
          tls: { ca: 'ca.crt', certificate: 'own.pem', 'key-password': { secret: 'given' } },
        },
        verify: ['content'],
      },
      'documents-one': {
        source: { type: 'mongodb', uri: { secret: 'token' }, database: 'shop', collections: ['orders'] },
        verify: ['content'],
      },
      'documents-all': {
        source: { type: 'mongodb', uri: { secret: 'token' }, oplog: true },
        verify: ['content'],
        restore: { options: { 'oplog-limit': '1700000000:1' } },
      },
      'cache-url': { source: { type: 'redis', url: { secret: 'token' } }, verify: ['content'] },
      shop: {
        source: {
          type: 'postgres',
          host: 'shop.internal',
          port: 5433,
          user: 'backup',
          password: secret(),
          database: 'shop',
          'maintenance-database': 'template1',
          format: 'directory',
          jobs: 4,
          schemas: ['public', 'audit'],
          'exclude-schemas': ['old_*', 'tmp'],
          role: 'reader',
          settings: { work_mem: '64MB' },
          tls: { mode: 'verify-full', ca: 'ca.crt', certificate: 'own.crt', key: 'own.key' },
          'lock-timeout': '1m',
        },
        verify: [
          'content',
          {
            restore: {
              into: { docker: 'postgres:15' },
              assert: [
                { contents: 'checksums', compare: 'source' },
                { sql: 'select 1', compare: 'source' },
              ],
            },
          },
        ],
        restore: {
          to: 'shop_copy',
          as: { user: 'owner', password: secret('given') },
          assert: [{ sql: 'select count(*) from a', equals: 4 }],
        },
      },
      'shop-list': {
        source: {
          type: 'postgres',
          format: 'plain',
          database: ['shop', 'stock'],
          globals: true,
          tables: ['public.a', 'public.b'],
          'exclude-tables': ['log', 'old'],
          'exclude-table-data': ['cache', 'old'],
        },
        verify: ['content'],
      },
      'shop-patterns': {
        source: {
          type: 'postgres',
          url: secret(),
          database: { matching: ['a*', 'b'], except: ['ab'] },
          globals: { passwords: true },
          format: 'custom',
          'run-in': { user: 'postgres' },
        },
        verify: [
          {
            restore: {
              into: { url: secret('server') },
              assert: [{ contents: 'counts', compare: 'source', tolerance: '5%' }],
            },
          },
        ],
        restore: { as: { url: secret('given') } },
      },
      'shop-service': {
        source: { type: 'postgres', service: 'shop', 'service-file': '/etc/service.conf' },
        verify: ['content'],
      },
      'cache-there': {
        source: { type: 'redis', port: 6381, 'run-in': { docker: 'cache', user: 'redis' } },
        verify: [{ restore: { assert: [{ key: 'session:*', ...everyCount }] } }],
        hooks: { before: [{ run: ['still'], 'run-in': { docker: 'shop' } }] },
      },
      'documents-there': {
        source: {
          type: 'mongodb',
          database: 'shop',
          'run-in': { compose: { service: 'mongo', project: 'shop', file: 'compose.yaml' }, user: 'mongo' },
        },
        verify: [{ restore: { into: { url: secret('server') }, assert: [{ collection: 'orders', ...everyCount }] } }],
      },
      'files-there': { source: { type: 'files', base: '/srv', paths: ['/srv'], 'run-in': { ssh } } },
      'command-there': {
        source: {
          type: 'command',
          run: ['export'],
          'run-in': {
            kubernetes: { context: 'cluster', namespace: 'shop', pod: 'db-0', container: 'db' },
          },
        },
        verify: ['content'],
      },
      'sqlite-there': {
        source: {
          type: 'sqlite',
          path: '/srv/notes.sqlite',
          'run-in': { kubernetes: { selector: 'app=notes' } },
        },
      },
      'orders-there': {
        source: { type: 'mysql', database: 'shop', tls: { mode: 'require' }, 'run-in': { docker: 'mysql' } },
        verify: ['content'],
      },
      'stock-there': {
        source: { type: 'mariadb', database: 'shop', tls: { mode: 'require' }, 'run-in': { docker: 'maria' } },
        verify: ['content'],
      },
    },
  };
}
