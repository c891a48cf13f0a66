import { describe } from 'vitest';
import { hasServer } from '../helpers/mysql.ts';
import { describeKind } from './mysql-suite.ts';

describe.skipIf(!hasServer('mariadb'))('mariadb', () => describeKind('mariadb'));
