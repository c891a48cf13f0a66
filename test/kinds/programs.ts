export { has } from '../helpers/programs.ts';
