export * from './caller.ts';
export * from './decide.ts';
export * from './table.ts';
