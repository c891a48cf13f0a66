import { mysqlKind } from '../mysql/kind.ts';

export const mariadb = mysqlKind('mariadb');
