import { mysqlKind } from './kind.ts';

export const mysql = mysqlKind('mysql');
